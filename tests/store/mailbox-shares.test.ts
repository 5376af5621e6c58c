// What a full mailbox loses.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { isTrimDue, surplusMail } from "../../src/store/mailbox-shares.ts";

test("the sender with the most loses the oldest; among equals, the one whose oldest is older", () => {
  const entries = [..."abbbca"].map((from, i) => ({ mail: i + 1, from }));
  expect(surplusMail(entries, 6)).toEqual([]);
  expect(surplusMail(entries, 5)).toEqual([2]);
  expect(surplusMail(entries, 4)).toEqual([2, 1]);
  expect(surplusMail(entries, 3)).toEqual([2, 1, 3]);
  expect(surplusMail(entries, 1)).toEqual([2, 1, 3, 4, 5]);
});

test("no sender with less than an even share loses anything", () => {
  const mailbox = fc.array(fc.constantFrom(..."abcdef"), { maxLength: 80 });
  fc.assert(
    fc.property(mailbox, fc.integer({ min: 1, max: 60 }), (senders, max) => {
      const entries = senders.map((from, i) => ({ mail: i + 1, from }));
      const surplus = new Set(surplusMail(entries, max));
      expect(surplus.size).toBe(Math.max(0, entries.length - max));
      const evenShare = max / new Set(senders).size;
      for (const from of new Set(senders)) {
        const own = entries.filter((entry) => entry.from === from);
        const lost = own.filter(({ mail }) => surplus.has(mail));
        if (own.length <= evenShare) expect(lost).toEqual([]);
        expect(lost).toEqual(own.slice(0, lost.length));
      }
    }),
  );
});

test("a mailbox is trimmed once per eighth of its limit", () => {
  const due = Array.from({ length: 1_000 }, (_, i) => i + 1).filter((i) => isTrimDue(i, 1_000));
  expect(due).toEqual([125, 250, 375, 500, 625, 750, 875, 1_000]);
  expect([1, 2, 3].every((i) => isTrimDue(i, 5))).toBe(true);
});
