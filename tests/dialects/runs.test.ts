// A text dialect renders a run exactly like its messages one by one.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import type { Dialect } from "../../src/chat/dialect.ts";
import { SaidRun } from "../../src/chat/rooms/said-run.ts";
import { dialects } from "../../src/dialects/table.ts";

const withRuns: Dialect[] = Object.values(dialects).flatMap((entry) =>
  entry.transport === "tcp" && entry.dialect.renderRun !== undefined ? [entry.dialect] : [],
);

function lineOf({ output }: Dialect, text: string): string {
  return output === "stream" || text.endsWith("\n") ? text : `${text}\n`;
}

test("the dialects of text chats render runs", () => {
  expect(withRuns.map(({ name }) => name).toSorted()).toEqual([
    "chat-room",
    "irc",
    "line-chat",
    "open-chat",
    "select-chat",
  ]);
});

for (const dialect of withRuns) {
  test(`${dialect.name}: a run is its messages, line by line`, () => {
    const words = fc.string({ unit: fc.constantFrom("a", ":", " ", "\\", '"', "$&", "é", "字") });
    const texts = fc.array(words, { minLength: 1, maxLength: 20 });
    const alias = fc.option(words, { nil: undefined });
    fc.assert(
      fc.property(texts, words, alias, (all, from, alias) => {
        const run = new SaidRun({ room: "lobby", seq: 1, timeMs: 0, from, alias, author: 1 }, all);
        const each = run.texts.map((_, i) => lineOf(dialect, dialect.renderRoom(run.at(i))!));
        expect(dialect.renderRun!(run)).toBe(each.join(""));
      }),
      { numRuns: 200 },
    );
  });
}
