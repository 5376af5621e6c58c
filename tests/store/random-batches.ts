// Random batches, and a comparison of two stores that should agree.

import { expect } from "bun:test";
import * as fc from "fast-check";
import { harmless } from "../../src/text.ts";
import type { Batch, LocalStore } from "../../src/chat/turn/store.ts";
import type { AskedStore } from "./asked-store.ts";
import type { PrivateMessage } from "../../src/chat/events.ts";
import { mail, run, update } from "./batches.ts";

const rooms = ["a", "b", "c"];
const ids = ["s1", "s2", "s3", "s4"];
const names = ["Ann", "Bob", "日本", "[::1]:5", 'a"\\b'];
const text = fc
  .oneof(fc.string({ unit: "grapheme", maxLength: 20 }), fc.constant("x".repeat(700)))
  .map(harmless);

const saidRun = fc.record({
  from: fc.constantFrom(...names),
  alias: fc.option(fc.constantFrom("", "al", 'l\'ami "x"'), { nil: undefined }),
  /** Time since the batch's first run. */
  laterMs: fc.constantFrom(0, 0, 3),
  texts: fc.oneof(
    fc.array(text, { minLength: 1, maxLength: 4 }),
    fc.constant(Array.from({ length: 300 }, (_, i) => `long ${i}`)),
  ),
  n: fc.option(fc.nat(), { nil: undefined }),
});

const batchPlan = fc.record({
  rooms: fc.uniqueArray(
    fc.record({
      room: fc.constantFrom(...rooms),
      runs: fc.array(saidRun, { minLength: 1, maxLength: 3 }),
    }),
    { selector: ({ room }) => room, maxLength: 2 },
  ),
  sessions: fc.uniqueArray(
    fc.record({
      id: fc.constantFrom(...ids),
      name: fc.constantFrom("", "ann", "bob"),
      n: fc.nat(2),
      refused: fc.constantFrom(undefined, "1-1:muted"),
      network: fc.constantFrom("", "192.0.2.1", "2001:db8:0:1::/64"),
    }),
    { selector: ({ id }) => id, maxLength: 3 },
  ),
  mail: fc.array(
    fc.record({
      session: fc.constantFrom(...ids),
      network: fc.constantFrom("", "192.0.2.1", "2001:db8:0:1::/64", "2001:db8:0:2::/64"),
      from: fc.constantFrom(...names),
      text,
      chat: fc.boolean(),
      id: fc.nat(3),
      other: fc.option(
        fc.record({ person: fc.constantFrom("", ...ids), name: fc.constantFrom(...names) }),
        { nil: undefined },
      ),
      isCopy: fc.boolean(),
    }),
    { maxLength: 4 },
  ),
});

/**
 * `fails`: the statement that SQLite is made to refuse; a store that can't fail skips this step
 * too.
 */
export const step = fc.record({
  kind: fc.constantFrom("commit", "commit", "commit", "repeat", "fail", "sweep"),
  batch: batchPlan,
});
type BatchPlan = typeof batchPlan extends fc.Arbitrary<infer T> ? T : never;

export function batchOf(plan: BatchPlan, number: number, timeMs: number): Batch {
  return {
    number,
    rooms: plan.rooms.map(({ room, runs }) => ({
      room,
      runs: runs.map(({ texts, laterMs, ...fields }) =>
        run(room, texts, { ...fields, timeMs: timeMs + laterMs }),
      ),
    })),
    sessions: plan.sessions.map(({ id, ...fields }) => update(id, { ...fields, seenMs: timeMs })),
    mail: plan.mail.map(({ session, text: said, ...fields }) =>
      mail(session, said, { ...fields, timeMs }),
    ),
  };
}

function byNumber(messages: readonly PrivateMessage[]): PrivateMessage[] {
  return messages.toSorted((a, b) => a.mail - b.mail);
}

export async function expectSame(store: AskedStore, plain: LocalStore): Promise<void> {
  for (const room of rooms) {
    const bounds = plain.rooms.bounds(room);
    expect(await store.rooms.bounds(room)).toEqual(bounds);
    const middle = Math.floor((bounds.first + bounds.last) / 2);
    for (const seq of [0, middle]) {
      expect(await store.rooms.after(room, seq, 5)).toEqual(plain.rooms.after(room, seq, 5));
      expect(await store.rooms.before(room, seq + 4, 3)).toEqual(
        plain.rooms.before(room, seq + 4, 3),
      );
    }
    expect(await store.rooms.before(room, Infinity, 400)).toEqual(
      plain.rooms.before(room, Infinity, 400),
    );
  }
  for (const id of ids) {
    expect(await store.sessions.load(id)).toEqual(plain.sessions.load(id));
    for (const after of [0, 2]) {
      expect(await store.mailboxes.after(id, after, 3)).toEqual(
        plain.mailboxes.after(id, after, 3),
      );
      expect(await store.mailboxes.countAfter(id, after)).toEqual(
        plain.mailboxes.countAfter(id, after),
      );
    }
    const kept = plain.mailboxes.list(id);
    expect(await store.mailboxes.list(id)).toEqual(kept);
    const numbers = [0, ...kept.map(({ mail: number }) => number)];
    expect(byNumber(await store.mailboxes.pick(id, numbers))).toEqual(
      byNumber(plain.mailboxes.pick(id, numbers)),
    );
  }
  for (const name of ["", "ann", "bob"]) {
    expect(await store.sessions.find(name, 1_050)).toEqual(plain.sessions.find(name, 1_050));
  }
}
