// Which messages of a mailbox belong to a conversation, and which part of it a query means,
// compared with the definition.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { conversation, mailboxOf, partOf } from "../../../src/chat/private/mail-history.ts";
import type { MailPoint } from "../../../src/chat/people/people-events.ts";
import type { MailEntry } from "../../../src/chat/turn/store.ts";

const entry = fc.record({
  timeMs: fc.nat(6),
  id: fc.nat(3),
  person: fc.constantFrom("", "@ann", "@ben"),
  name: fc.constantFrom("Ann", "ann", "Ben"),
});
/** Numbers in no particular order: copies and received messages are numbered separately. */
const mailbox = fc
  .uniqueArray(entry, { selector: ({ timeMs, id }) => `${timeMs} ${id}`, maxLength: 12 })
  .map((all) => all.map((one, i): MailEntry => ({ ...one, mail: i % 2 === 0 ? i + 1 : -50 + i })));
const point: fc.Arbitrary<MailPoint> = fc.record(
  { timeMs: fc.nat(7), id: fc.nat(3) },
  { requiredKeys: ["timeMs"] },
);

const order = (a: MailEntry, b: MailEntry): number => a.timeMs - b.timeMs || a.id - b.id;
const isBefore = (one: MailEntry, at: MailPoint): boolean =>
  one.timeMs < at.timeMs || (one.timeMs === at.timeMs && at.id !== undefined && one.id < at.id);
const isAfter = (one: MailEntry, at: MailPoint): boolean =>
  one.timeMs > at.timeMs || (one.timeMs === at.timeMs && at.id !== undefined && one.id > at.id);

test("a conversation has everything exchanged with the person, and nothing else", () => {
  fc.assert(
    fc.property(mailbox, fc.constantFrom("@ann", "@ben", "@nobody"), (entries, person) => {
      const expected = entries.filter((one) => one.person === person).sort(order);
      expect(conversation(entries, "Zed", person)).toEqual(expected);
    }),
  );
});

test("people without a mailbox are told apart by their names alone", () => {
  fc.assert(
    fc.property(mailbox, (entries) => {
      const guests = entries.filter(({ person }) => person === "");
      const named = guests.filter(({ name }) => name.toLowerCase() === "ann").sort(order);
      expect(conversation(entries, "ANN", "")).toEqual(named);
    }),
  );
});

test("if nobody has the name, the last one who had it is meant", () => {
  fc.assert(
    fc.property(mailbox, (entries) => {
      const last = entries
        .filter(({ name }) => name === "Ben")
        .sort(order)
        .at(-1);
      const expected = last === undefined ? [] : conversation(entries, "ben", last.person);
      expect(conversation(entries, "ben", undefined)).toEqual(expected);
    }),
  );
});

test("each query returns what its points enclose, from the right end", () => {
  fc.assert(
    fc.property(mailbox, point, point, fc.nat(14), (entries, a, b, limit) => {
      const all = entries.toSorted(order);
      const part = (query: Parameters<typeof partOf>[1]): readonly MailEntry[] =>
        partOf(all, query, limit).entries;
      const last = (some: MailEntry[]): MailEntry[] => (limit === 0 ? [] : some.slice(-limit));
      const before = all.filter((one) => isBefore(one, a));
      const after = all.filter((one) => isAfter(one, a));
      expect(part({ which: "latest" })).toEqual(last(all));
      expect(part({ which: "latest", after: a })).toEqual(last(after));
      expect(part({ which: "before", point: a })).toEqual(last(before));
      expect(part({ which: "after", point: a })).toEqual(after.slice(0, limit));
      const from = Math.max(0, before.length - Math.floor(limit / 2));
      expect(part({ which: "around", point: a })).toEqual(all.slice(from, from + limit));
      const [low, high] = [a, b].sort((x, y) => x.timeMs - y.timeMs || (x.id ?? 0) - (y.id ?? 0));
      const inside = all.filter((one) => isAfter(one, low!) && isBefore(one, high!));
      const forwards = part({ which: "between", from: low!, to: high! });
      expect(forwards).toEqual(inside.slice(0, limit));
      if (low!.timeMs === high!.timeMs) return;
      expect(part({ which: "between", from: high!, to: low! })).toEqual(last(inside));
    }),
    { numRuns: 500 },
  );
});

test("connections have no mailbox", () => {
  expect(["#7", "server#7", "@ann", "hash"].map(mailboxOf)).toEqual(["", "", "@ann", "hash"]);
});
