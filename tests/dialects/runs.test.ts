// A text dialect renders a run exactly like its messages one by one.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import type { Dialect } from "../../src/chat/dialect.ts";
import { SaidRun } from "../../src/chat/rooms/said-run.ts";
import { dialects } from "../../src/dialects/table.ts";

const about = { room: "lobby", seq: 1, timeMs: 0, from: "Ann", alias: undefined, author: 1 };
const said = new SaidRun(about, ["hi"]).at(0);
/** The dialects that show messages. */
const chats = Object.values(dialects).flatMap((entry) =>
  entry.transport === "tcp" && entry.dialect.renderRoom(said) !== undefined ? [entry.dialect] : [],
);

function lineOf({ output }: Dialect, text: string): string {
  return output === "stream" || text.endsWith("\n") ? text : `${text}\n`;
}

for (const dialect of chats) {
  test(`${dialect.name}: a run is its messages, line by line`, () => {
    const words = fc.string({ unit: fc.constantFrom("a", ":", " ", "\\", '"', "$&", "é", "字") });
    const texts = fc.array(words, { minLength: 1, maxLength: 20 });
    const alias = fc.option(words, { nil: undefined });
    fc.assert(
      fc.property(texts, words, alias, (all, from, alias) => {
        const run = new SaidRun({ ...about, from, alias }, all);
        const each = run.texts.map((_, i) => lineOf(dialect, dialect.renderRoom(run.at(i))!));
        expect(dialect.renderRun?.(run)).toBe(each.join(""));
      }),
      { numRuns: 200 },
    );
  });
}
