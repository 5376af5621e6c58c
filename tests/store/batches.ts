// Runs, private messages, records and batches for tests of stores.

import type { PrivateMessage, Said } from "../../src/chat/events.ts";
import { SaidRun } from "../../src/chat/rooms/said-run.ts";
import type {
  Batch,
  Committed,
  LocalStore,
  Mail,
  PresenceChange,
  SessionUpdate,
} from "../../src/chat/turn/store.ts";
import type { ServerStore } from "../../src/store/server-store.ts";

export type RunFields = Partial<Pick<SaidRun, "timeMs" | "from" | "alias" | "n" | "kind">>;

/** Consecutive messages of one sender. */
export function run(room: string, texts: readonly string[], fields: RunFields = {}): SaidRun {
  return new SaidRun({ room, seq: 0, timeMs: 1_000, from: "Ann", author: 7, ...fields }, [
    ...texts,
  ]);
}

/** `count` short texts, each different. */
export function texts(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `text ${i}`);
}

/** What the log returns for runs whose first message is number `first`. */
export function logged(runs: readonly SaidRun[], first: number): Said[] {
  const all = runs.flatMap((one) => one.texts.map((_, i) => ({ ...one.at(i), author: 0 })));
  return all.map((said, i) => ({ ...said, seq: first + i }));
}

/** What other servers learn of a member. */
export const about: NonNullable<PresenceChange["about"]> = {
  persona: { user: "u", host: "h", account: "", realName: "", isBot: false },
  ids: [],
  isHidden: false,
  isSecure: true,
  sinceMs: 1,
  spokeMs: 1,
};

type MailFields = Partial<PrivateMessage> & Partial<Pick<Mail, "network" | "other" | "isCopy">>;

/** A private message to `session`. */
export function mail(session: string, text: string, fields: MailFields = {}): Mail {
  const { timeMs = 1_000, from = "Ann", alias, to = ["Bob"], chat = false } = fields;
  const { network = "192.0.2.1" } = fields;
  const { kind, sealed, id, other, isCopy, isOwn } = fields;
  const own = isOwn === true ? { isOwn } : {};
  const more = { ...own, ...(kind && { kind }), ...(sealed && { sealed }), ...(id && { id }) };
  const message = { type: "private" as const, timeMs, from, alias, to, chat, text, ...more };
  return { session, network, message, ...(other && { other }), ...(isCopy && { isCopy }) };
}

export function update(id: string, fields: Partial<SessionUpdate> = {}): SessionUpdate {
  return { id, name: "ann", n: 0, network: "192.0.2.1", seenMs: 1_000, ...fields };
}

/** Commits batches, each under the next number. */
export class Writer {
  #number = 0;

  constructor(readonly store: LocalStore) {}

  commit(parts: Partial<Omit<Batch, "number">>): Committed {
    return this.store.commit({
      number: ++this.#number,
      rooms: [],
      mail: [],
      sessions: [],
      ...parts,
    });
  }

  /** Commits one run in one room; returns the number of its first message. */
  say(room: string, said: readonly string[] | number = 1, fields: RunFields = {}): number {
    const all = typeof said === "number" ? texts(said) : said;
    return this.commit({ rooms: [{ room, runs: [run(room, all, fields)] }] }).rooms[0]!;
  }
}

/** Sweeps until nothing is left to do; a store that never finishes fails the test. */
export function sweepAll(store: ServerStore): void {
  for (let i = 0; i < 10_000; i++) if (!store.sweep()) return;
  throw new Error("The store still has something to sweep after 10 000 slices");
}
