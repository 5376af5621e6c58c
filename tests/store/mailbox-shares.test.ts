// Which messages a full mailbox loses.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { widestNetworkOf } from "../../src/addresses.ts";
import { accountsAt } from "../../src/share-owner.ts";
import { isTrimDue, type MailboxEntry, surplusMail } from "../../src/store/mailbox-shares.ts";

/** A mailbox with one message per sender, in this order. */
function mailbox(senders: readonly (readonly [network: string, from: string])[]): MailboxEntry[] {
  return senders.map(([network, from], i) => ({ mail: i + 1, network, from }));
}

test("the network with the most loses the oldest; among equals, the one whose oldest is older", () => {
  const entries = mailbox([..."abbbca"].map((network) => [network, "Ann"]));
  expect(surplusMail(entries, 6)).toEqual([]);
  expect(surplusMail(entries, 5)).toEqual([2]);
  expect(surplusMail(entries, 4)).toEqual([2, 1]);
  expect(surplusMail(entries, 3)).toEqual([2, 1, 3]);
  expect(surplusMail(entries, 1)).toEqual([2, 1, 3, 4, 5]);
});

test("within a network, the name with the most loses the oldest", () => {
  const entries = mailbox([..."abbbca"].map((from) => ["192.0.2.1", from]));
  expect(surplusMail(entries, 3)).toEqual([2, 1, 3]);
});

test("an IPv6 /48 counts as one network, and within it the largest /64 loses first", () => {
  const entries = mailbox([
    ["2001:db8:1:1::/64", "Ann"],
    ["2001:db8:1:2::/64", "Ben"],
    ["2001:db8:1:2::/64", "Cid"],
    ["192.0.2.1", "Dot"],
    ["192.0.2.1", "Dot"],
  ]);
  expect(surplusMail(entries, 4)).toEqual([2]);
  expect(surplusMail(entries, 3)).toEqual([2, 1]);
});

/** How many messages of one sender are lost by a mailbox that keeps `max`. */
function lostBy(entries: readonly MailboxEntry[], max: number, from: string): number {
  const surplus = new Set(surplusMail(entries, max));
  return entries.filter((entry) => entry.from === from && surplus.has(entry.mail)).length;
}

describe("users with registered names", () => {
  const office = accountsAt("192.0.2.1");
  const named = (count: number, each: number) =>
    Array.from({ length: count * each }, (_, i) => [office, `P${i % count}`] as const);

  test("twenty users of one office do not lose their messages to a user at another address", () => {
    const bob = Array.from({ length: 40 }, () => ["198.51.100.1", "Bob"] as const);
    const entries = mailbox([...named(20, 5), ...bob]);
    // The office counts as four: 25 each, fewer than Bob's 40.
    expect(lostBy(entries, 130, "Bob")).toBe(10);
    for (let i = 0; i < 20; i++) expect(lostBy(entries, 130, `P${i}`)).toBe(0);
  });

  test("64 names of one stranger push out nobody with a quarter of their messages", () => {
    const bob = Array.from({ length: 20 }, () => ["198.51.100.1", "Bob"] as const);
    expect(lostBy(mailbox([...bob, ...named(64, 10)]), 100, "Bob")).toBe(0);
  });

  test("an account counts once, and of several the one with the most messages loses the oldest", () => {
    const ann = Array.from({ length: 30 }, () => [office, "Ann"] as const);
    const bob = Array.from({ length: 29 }, () => ["198.51.100.1", "Bob"] as const);
    const entries = mailbox([...bob, ...ann]);
    expect(lostBy(entries, 58, "Ann")).toBe(1);
    expect(lostBy(entries, 58, "Bob")).toBe(0);
    const both = mailbox([...ann, [office, "Ben"], [office, "Ben"]]);
    expect(lostBy(both, 10, "Ann")).toBe(22);
    expect(lostBy(both, 10, "Ben")).toBe(0);
  });
});

describe("a flood", () => {
  const networks = ["", "192.0.2.1", "2001:db8:1:1::/64", "2001:db8:1:2::/64", "2001:db8:2::/64"];
  const senders = fc.array(
    fc.tuple(fc.constantFrom(...networks), fc.constantFrom("a", "b", "c", "d")),
    { maxLength: 80 },
  );

  test("takes nothing from a network with an even share or less, however many names are used", () => {
    fc.assert(
      fc.property(senders, fc.integer({ min: 1, max: 60 }), (all, max) => {
        const entries = mailbox(all);
        const surplus = new Set(surplusMail(entries, max));
        expect(surplus.size).toBe(Math.max(0, entries.length - max));
        const wide = new Set(entries.map(({ network }) => widestNetworkOf(network)));
        for (const network of wide) {
          const own = entries.filter((entry) => widestNetworkOf(entry.network) === network);
          const lost = own.filter(({ mail }) => surplus.has(mail));
          if (own.length <= max / wide.size) expect(lost).toEqual([]);
        }
      }),
    );
  });

  test("makes each sender lose the oldest first", () => {
    fc.assert(
      fc.property(senders, fc.integer({ min: 1, max: 60 }), (all, max) => {
        const entries = mailbox(all);
        const surplus = new Set(surplusMail(entries, max));
        for (const { network, from } of entries) {
          const own = entries.filter((entry) => entry.network === network && entry.from === from);
          const lost = own.filter(({ mail }) => surplus.has(mail));
          expect(lost).toEqual(own.slice(0, lost.length));
        }
      }),
    );
  });
});

test("a mailbox is trimmed once per eighth of its limit", () => {
  const due = Array.from({ length: 1_000 }, (_, i) => i + 1).filter((i) => isTrimDue(i, 1_000));
  expect(due).toEqual([125, 250, 375, 500, 625, 750, 875, 1_000]);
  expect([1, 2, 3].every((i) => isTrimDue(i, 5))).toBe(true);
});
