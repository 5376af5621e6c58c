// Hash, window, avatar, layout: the page's small pure parts. No browser.

import { expect, test } from "bun:test";
import { array, assert, constantFrom, nat, property, uint8Array } from "fast-check";
import { avatarOf } from "../../src/page/avatar.ts";
import { append, emptyLog } from "../../src/page/entries.ts";
import { dayLabel, logText, startsDay, startsGroup } from "../../src/page/layout.ts";
import { Sha256 } from "../../src/page/sha256.ts";
import { sizeText } from "../../src/size-text.ts";
import { atEnd, earlier, followed, later, maxShown, moved } from "../../src/page/window.ts";

test("the page's SHA-256 is SHA-256, in whatever pieces the bytes come", () => {
  assert(
    property(array(uint8Array({ maxLength: 300 }), { maxLength: 12 }), (pieces) => {
      const ours = new Sha256();
      const theirs = new Bun.CryptoHasher("sha256");
      for (const piece of pieces) {
        ours.update(piece);
        theirs.update(piece);
      }
      expect(ours.hex()).toBe(theirs.digest("hex"));
    }),
  );
});

test("every length around a block's end is padded right", () => {
  for (let length = 0; length <= 130; length++) {
    const bytes = new Uint8Array(length).fill(length);
    const ours = new Sha256();
    ours.update(bytes);
    expect(ours.hex()).toBe(new Bun.CryptoHasher("sha256").update(bytes).digest("hex"));
  }
});

test("a window never shows more than it may, whatever is scrolled and added", () => {
  const step = constantFrom("earlier", "later", "end", "add", "trim");
  assert(
    property(array(step, { maxLength: 60 }), nat(6_000), (steps, start) => {
      let total = start;
      let window = atEnd(total);
      for (const name of steps) {
        if (name === "earlier") window = earlier(window);
        else if (name === "later") window = later(window, total);
        else if (name === "end") window = atEnd(total);
        else if (name === "add") {
          const wasAtEnd = window.to >= total;
          total += 7;
          window = moved(window, window.from, total, wasAtEnd);
        } else {
          const gone = Math.min(window.from, 50);
          total -= gone;
          window = moved(window, window.from - gone, total, window.to >= total + gone);
        }
        expect(window.from).toBeGreaterThanOrEqual(0);
        expect(window.from).toBeLessThanOrEqual(window.to);
        expect(window.to).toBeLessThanOrEqual(total);
        expect(window.to - window.from).toBeLessThanOrEqual(maxShown);
      }
    }),
  );
});

test("scrolling to either end reaches it", () => {
  const total = 5_000;
  let window = atEnd(total);
  for (let i = 0; i < 200 && window.from > 0; i++) window = earlier(window);
  expect(window.from).toBe(0);
  for (let i = 0; i < 200 && window.to < total; i++) window = later(window, total);
  expect(window.to).toBe(total);
});

test("a name's picture depends on the name alone, in any letter case, and names differ", () => {
  expect(avatarOf("Ann")).toEqual(avatarOf("Ann"));
  expect(avatarOf("ann")).toEqual(avatarOf("ANN"));
  const looks = new Set(Array.from({ length: 200 }, (_, i) => JSON.stringify(avatarOf(`p${i}`))));
  expect(looks.size).toBeGreaterThan(195);
});

test("following the end, older entries that come late are shown up to a full window", () => {
  expect(followed(40, 45)).toEqual({ from: 0, to: 45 });
  expect(followed(1_000, 1_005)).toEqual(atEnd(1_005));
  expect(followed(-1, 1_000)).toEqual(atEnd(1_000));
  // One that is longer than a new one stays as it is until it is full.
  expect(followed(700, 700 + maxShown)).toEqual({ from: 700, to: 700 + maxShown });
  expect(followed(700, 701 + maxShown)).toEqual(atEnd(701 + maxShown));
});

const base = {
  kind: "said" as const,
  from: "Ann",
  text: "hi",
  mine: false,
  to: undefined,
  seq: 1,
  id: undefined,
  delivery: "sent" as const,
  problem: undefined,
};

test("messages of one person in one breath are one group", () => {
  const timeMs = new Date(2026, 1, 3, 12).getTime();
  const log = [0, 10_000, 20 * 60_000].reduce(
    (log, laterMs) => append(log, { ...base, timeMs: timeMs + laterMs }),
    emptyLog,
  );
  const [a, b, c] = log.entries;
  expect([startsGroup(a!, undefined), startsGroup(b!, a), startsGroup(c!, b)]).toEqual([
    true,
    false,
    true,
  ]);
  expect([startsDay(a!, undefined), startsDay(b!, a)]).toEqual([true, false]);
  expect(dayLabel(timeMs, timeMs + 1)).toBe("Today");
  expect(dayLabel(timeMs, timeMs + 86_400_000)).toBe("Yesterday");
});

test("the saved log has a line an entry", () => {
  const timeMs = new Date(2026, 1, 3, 4, 5, 6).getTime();
  let log = append(emptyLog, { ...base, timeMs });
  log = append(log, { ...base, timeMs, to: ["Bob"], text: "psst" });
  log = append(log, { kind: "banner", timeMs, text: "Bob left" });
  expect(logText(log.entries).split("\n")).toEqual([
    "[2026-02-03 04:05:06] Ann: hi",
    "[2026-02-03 04:05:06] Ann (private to Bob): psst",
    "[2026-02-03 04:05:06] * Bob left",
    "",
  ]);
});

test("sizes read in powers of 1000", () => {
  const sizes = [0, 999, 1_000, 9_950, 12_345, 1_500_000, 2e9].map(sizeText);
  expect(sizes).toEqual(["0 B", "999 B", "1.00 kB", "9.95 kB", "12.3 kB", "1.50 MB", "2.00 GB"]);
});
