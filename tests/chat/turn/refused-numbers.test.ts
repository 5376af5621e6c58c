// Which of a session's last messages were refused, beside a plain list of them.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { MessageCounter } from "../../../src/chat/turn/message-counter.ts";
import {
  noneRefused,
  readRefused,
  refusedText,
  withMissed,
  withRefused,
} from "../../../src/chat/turn/refused-numbers.ts";
import { sender as limits } from "../../../src/limits.ts";

const codes = ["muted", "text-invalid"] as const;
const step = fc.constantFrom("sent", "settled", "withdrawn", "restarted", "missed", ...codes);

const name = (n: number): string => `Zoë,:% ${n}`;

test("the last refused numbers are those of a plain list, whatever is committed, undone or read again", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let counter = new MessageCounter();
      let taken: (string | undefined)[] = [];
      let settled = 0;
      for (const what of steps) {
        if (what === "settled") counter.settle((settled = taken.length));
        else if (what === "withdrawn") {
          counter.withdraw();
          taken = taken.slice(0, settled);
        } else if (what === "restarted") {
          const before = counter;
          counter = new MessageCounter();
          counter.restore(taken.length, readRefused(refusedText(before.refusals)));
          settled = taken.length;
        } else {
          taken.push(what === "sent" ? undefined : what);
          const isRefused = what !== "sent" && what !== "missed";
          counter.take(taken.length, isRefused ? what : undefined);
          if (what === "missed") counter.miss(what, name(taken.length));
        }
        const listed = taken.flatMap((code, i) => (code === undefined ? [] : [[i + 1, code]]));
        const known = counter.refusals.flatMap(({ first, last, code }) =>
          Array.from({ length: last - first + 1 }, (_, i) => [first + i, code]),
        );
        for (const { first, to } of counter.refusals.filter((run) => run.to !== undefined)) {
          expect(to).toBe(name(first));
        }
        expect(known).toEqual(listed);
      }
    }),
  );
});

test("numbers far behind the last one are forgotten, so that the list stays short", () => {
  let runs = noneRefused;
  for (let n = 1; n <= 10_000; n++) runs = withRefused(runs, n, codes[n % 2]!);
  expect(runs).toHaveLength(limits.refusedNumbers);
  expect(runs[0]?.first).toBe(10_000 - limits.refusedNumbers + 1);
  expect(refusedText(runs)!.length).toBeLessThan(8_192);
});

test("a number is forgotten after as many others, refused or not", () => {
  const counter = new MessageCounter();
  counter.take(1, "muted");
  for (let n = 2; n <= limits.refusedNumbers; n++) counter.take(n);
  expect(counter.refusals).toEqual([{ first: 1, last: 1, code: "muted" }]);
  counter.take(limits.refusedNumbers + 1);
  expect(counter.refusals).toEqual(noneRefused);
});

test("of recipients that were missed, the last are remembered", () => {
  let runs = withRefused(noneRefused, 1, codes[0]);
  for (let i = 1; i <= 100; i++) runs = withMissed(runs, 2, "unknown-user", `Zed${i}`);
  expect(runs).toHaveLength(1 + limits.missedRecipients);
  expect(runs[0]).toEqual({ first: 1, last: 1, code: "muted" });
  expect(runs.at(-1)?.to).toBe("Zed100");
});

test("what is not a list of refused numbers is none", () => {
  for (const text of [
    null,
    undefined,
    "",
    "?",
    "1-1:x:",
    "1-1:x:%",
    "1-2",
    "1-x:muted",
    "-1-2:muted",
  ]) {
    expect(readRefused(text)).toEqual([]);
  }
});
