// Random turns, numbered as the hub would number them, and a look at two stores that should say the same.

import { expect } from "bun:test";
import * as fc from "fast-check";
import type { PrivateMessage, Said } from "../../src/chat/events.ts";
import type { LogEntry } from "../../src/chat/history.ts";
import type { Store } from "../../src/store/store.ts";
import type { PlainHistory } from "./plain-history.ts";
import { mail } from "./turns.ts";

const rooms = ["a", "b", "c"];
const ids = ["s1", "s2", "s3", "s4"];
const text = fc.oneof(fc.string({ unit: "grapheme", maxLength: 20 }), fc.constant("x".repeat(700)));
const turnPlan = fc.record({
  said: fc.array(
    fc.record({
      room: fc.constantFrom(...rooms),
      from: fc.constantFrom("Ann", "Bob", "日本"),
      alias: fc.option(fc.constantFrom("", "al"), { nil: undefined }),
      text,
      n: fc.option(fc.nat(), { nil: undefined }),
    }),
    { maxLength: 8 },
  ),
  sessions: fc.uniqueArray(
    fc.record({
      id: fc.constantFrom(...ids),
      name: fc.constantFrom("", "ann", "bob"),
      n: fc.nat(),
    }),
    { selector: ({ id }) => id, maxLength: 3 },
  ),
  mail: fc.array(fc.record({ text, chat: fc.boolean() }), { maxLength: 3 }),
});
export const step = fc.record({
  kind: fc.constantFrom("append", "append", "append", "tidy"),
  turn: turnPlan,
});
type TurnPlan = typeof turnPlan extends fc.Arbitrary<infer T> ? T : never;

/** Gives a planned turn the numbers that the hub would give it. */
export function numberTurn(twin: PlainHistory, plan: TurnPlan, timeMs: number): LogEntry {
  const seqs = new Map(rooms.map((room) => [room, twin.lastSeq(room)]));
  const all = plan.said.map((one): Said => {
    const seq = seqs.get(one.room)! + 1;
    seqs.set(one.room, seq);
    return { ...one, text: one.text.toWellFormed(), type: "said", seq, timeMs, author: 0 };
  });
  const letters: { session: string; message: PrivateMessage }[] = [];
  const sessions = plan.sessions.map((one) => {
    let number = twin.session(one.id)?.mail ?? 0;
    for (const { text, chat } of plan.mail) {
      const message = mail(++number, { text: text.toWellFormed(), chat, timeMs });
      letters.push({ session: one.id, message });
    }
    return { ...one, mail: number, seenMs: timeMs };
  });
  return { said: all, mail: letters, sessions };
}

export function expectSame(store: Store, twin: PlainHistory): void {
  for (const room of rooms) {
    expect(store.lastSeq(room)).toBe(twin.lastSeq(room));
    expect(store.firstSeq(room)).toBe(twin.firstSeq(room));
    const middle = Math.floor((twin.firstSeq(room) + twin.lastSeq(room)) / 2);
    for (const seq of [0, middle]) {
      expect(store.after(room, seq, 5)).toEqual(twin.after(room, seq, 5));
      expect(store.before(room, seq + 4, 3)).toEqual(twin.before(room, seq + 4, 3));
    }
    expect(store.before(room, Infinity, 100)).toEqual(twin.before(room, Infinity, 100));
  }
  for (const id of ids) {
    expect(store.session(id)).toEqual(twin.session(id));
    expect(store.mailAfter(id, 2, 3)).toEqual(twin.mailAfter(id, 2, 3));
  }
  for (const name of ["", "ann", "bob"]) {
    expect(store.sessionNamed(name, 1_050)).toEqual(twin.sessionNamed(name, 1_050));
  }
}
