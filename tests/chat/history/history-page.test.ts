// How many messages fit on a page of history, from either end and around one of them.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { fittingPage } from "../../../src/chat/history/history-page.ts";
import { history as limits } from "../../../src/limits.ts";

const texts = fc.array(
  fc.integer({ min: 0, max: 150_000 }).map((chars) => ({ text: "x".repeat(chars) })),
  { minLength: 1, maxLength: 30 },
);

function bytesOf(page: readonly { text: string }[]): number {
  return page.reduce((sum, { text }) => sum + 3 * text.length + 200, 0);
}

test("a page contains what it must, and as much around it as fits", () => {
  fc.assert(
    fc.property(texts, fc.nat(29), (messages, at) => {
      const last = messages.length - 1;
      const around = Math.min(at, last);
      const cases = [
        [0, "oldest"],
        [last, "newest"],
        [around, { around }],
      ] as const;
      for (const [index, end] of cases) {
        const page = fittingPage(messages, end);
        const from = messages.indexOf(page[0]!);
        const to = from + page.length;
        expect(messages.slice(from, to)).toEqual([...page]);
        expect(page).toContain(messages[index]!);
        if (page.length > 1) expect(bytesOf(page)).toBeLessThanOrEqual(limits.pageBytes);
        const more = [messages.slice(Math.max(0, from - 1), to), messages.slice(from, to + 1)];
        for (const longer of more.filter(({ length }) => length > page.length)) {
          expect(bytesOf(longer)).toBeGreaterThan(limits.pageBytes);
        }
      }
    }),
  );
});

test("nothing fits a page of nothing", () => {
  for (const end of ["oldest", "newest", { around: 3 }] as const) {
    expect(fittingPage([], end)).toEqual([]);
  }
});
