// Messages, letters, sessions and turns for tests of stores.

import type { PrivateMessage, Said } from "../../src/chat/events.ts";
import type { LogEntry, SessionRecord } from "../../src/chat/history.ts";
import type { Store } from "../../src/store/store.ts";

export const emptyTurn: LogEntry = { said: [], mail: [], sessions: [] };

export function said(room: string, seq: number, change: Partial<Said> = {}): Said {
  return {
    type: "said",
    room,
    seq,
    timeMs: 1_000 + seq,
    from: "Ann",
    alias: undefined,
    text: `text ${seq}`,
    n: undefined,
    author: 0,
    ...change,
  };
}

export function says(room: string, from: number, to: number, change: Partial<Said> = {}): LogEntry {
  const all = Array.from({ length: to - from + 1 }, (_, i) => said(room, from + i, change));
  return { ...emptyTurn, said: all };
}

export function mail(number: number, change: Partial<PrivateMessage> = {}): PrivateMessage {
  return {
    type: "private",
    mail: number,
    timeMs: 1_000 + number,
    from: "Ann",
    alias: undefined,
    to: ["Bob"],
    chat: false,
    text: `psst ${number}`,
    ...change,
  };
}

export function record(id: string, change: Partial<SessionRecord> = {}): SessionRecord {
  return { id, name: "ann", n: 0, mail: 0, seenMs: 1_000, ...change };
}

/** Tidies until there is nothing more to do; a store that never comes to an end fails. */
export function tidyAll(store: Store, nowMs: number): void {
  for (let i = 0; i < 10_000; i++) if (!store.tidy(nowMs)) return;
  throw new Error("The store still has something to tidy after 10 000 slices");
}
