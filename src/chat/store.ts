// What the hub asks of a store, as data: requests go out (`Hub.pollStore`), replies come back (`Hub.handleStore`), at once or
// later. A store behind it may be this process's memory, a file, or a database on another machine; src/store has them, and one
// contract suite holds each to this page. Types only.

import type { ParleyError } from "../errors.ts";
import type { PrivateMessage, Said } from "./events.ts";
import type { SaidRun } from "./said-run.ts";

/**
 * What one turn of the hub adds, in one transaction: all of it or nothing. `number` counts the batches of this process from 1: a
 * batch that is committed again under its number (its outcome was unknown) is in the log once, and the reply is the same.
 */
export type Batch = {
  readonly number: number;
  /** What was said, by room; each room once. The log numbers the messages in this order. */
  readonly rooms: readonly RoomBatch[];
  /** Private messages, by the ID of the recipient's session; the mailbox numbers them. */
  readonly mail: readonly { session: string; message: Omit<PrivateMessage, "mail"> }[];
  /** Sessions whose record has changed, each once, as it is after this batch. */
  readonly sessions: readonly SessionUpdate[];
};

export type RoomBatch = { readonly room: string; readonly runs: readonly SaidRun[] };

/** The numbers that a batch was given: the first `seq` of each of its rooms, the `mail` of each private message. */
export type Committed = { readonly rooms: readonly number[]; readonly mail: readonly number[] };

/** The numbers that are kept of a room: `last` 0 if nothing was ever said there, `first` `last + 1` if nothing is kept. */
export type RoomBounds = { first: number; last: number };

/** What is known of a session that has a secret. */
export type SessionRecord = {
  /** A hash of its secret. */
  id: string;
  /** Folded name that it holds: mail finds it by that, also when it is away. Empty once it has said goodbye. */
  name: string;
  /** Highest counter of its messages. */
  n: number;
  /** Highest number in its mailbox. */
  mail: number;
  /** The network that it came from last (addresses.ts), empty if that is not known. */
  network: string;
  seenMs: number;
};

/** A record as the hub writes it: the mailbox numbers itself. */
export type SessionUpdate = Omit<SessionRecord, "mail">;

/** The rooms' logs. `seq` starts at 1 and has no gaps within a room. */
export interface RoomLog {
  bounds(room: string): RoomBounds;
  /** At most `limit` messages with a `seq` over `seq`, ascending. */
  after(room: string, seq: number, limit: number): readonly Said[];
  /** The `limit` newest messages with a `seq` under `seq`, ascending. */
  before(room: string, seq: number, limit: number): readonly Said[];
}

/** Private messages by recipient. `mail` starts at 1 and has no gaps within a mailbox. */
export interface Mailboxes {
  /** At most `limit` messages with a `mail` over `mail`, ascending. */
  after(session: string, mail: number, limit: number): readonly PrivateMessage[];
}

/** Who owns a session, and how far it has got. Records are written by `commit`. */
export interface Sessions {
  load(id: string): SessionRecord | undefined;
}

/** Who holds a name. Names are taken and released by the records that `commit` writes; who is away keeps one for a while. */
export interface Directory {
  /** The session that holds the folded name, did not say goodbye, and was seen at or after `sinceMs`: of several the latest. */
  find(name: string, sinceMs: number): SessionRecord | undefined;
}

/** A store in this process, which answers at once. @throws ParleyError `storage`, every method: it could not be read or written */
export interface LocalStore {
  /** Names this log: numbers of another epoch mean nothing here. At most 32 characters. */
  readonly epoch: string;
  readonly rooms: RoomLog;
  readonly mailboxes: Mailboxes;
  readonly sessions: Sessions;
  readonly directory: Directory;
  commit(batch: Batch): Committed;
}

/** What can be asked, and what is answered when it is done. */
export type StoreResults = {
  commit: Committed;
  "room-bounds": RoomBounds;
  "read-room": readonly Said[];
  "read-mail": readonly PrivateMessage[];
  "load-session": SessionRecord | undefined;
  "find-name": SessionRecord | undefined;
};

type StoreArguments = {
  commit: { batch: Batch };
  "room-bounds": { room: string };
  /** Messages after `after`, or the newest before `before`. */
  "read-room": { room: string; limit: number } & ({ after: number } | { before: number });
  "read-mail": { session: string; after: number; limit: number };
  "load-session": { session: string };
  "find-name": { name: string; sinceMs: number };
};

/** What the hub wants to know, or to have written. */
export type StoreQuestion = {
  [K in keyof StoreResults]: { type: K } & StoreArguments[K];
}[keyof StoreResults];

/** A question with the number that its reply repeats. Each is answered once, in any order. */
export type StoreRequest = StoreQuestion & { id: number };

/**
 * What became of a request. `failed`: it has not happened and never will. `unknown`: it may have, or may yet; the hub asks again
 * (a commit under the same number).
 */
export type StoreReply = { id: number } & (
  | {
      [K in keyof StoreResults]: { outcome: "done"; type: K; result: StoreResults[K] };
    }[keyof StoreResults]
  | { outcome: "failed"; error: ParleyError }
  | { outcome: "unknown" }
);
