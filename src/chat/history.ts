// What the hub needs of a store of messages. Implementations live in src/store; one contract suite runs on all of them.

import { history as limits } from "../limits.ts";
import type { PrivateMessage, Said } from "./events.ts";

/**
 * The log of every room and the mail of every session. Calls are synchronous: the hub appends once a turn of the event loop
 * and acknowledges after that. Numbers start at 1 and have no gaps within a room (`seq`) and a session (`mail`).
 * @throws ParleyError `storage`, every method: the log could not be read, or written
 */
export interface History {
  /** Names this log: numbers of another epoch mean nothing here. At most 32 characters. */
  readonly epoch: string;
  /** Set by the hub: whether anybody is in a room. Where not all can be kept, the past of other rooms is forgotten first. */
  isInUse?: (room: string) => boolean;
  /** The highest `seq` of a room, 0 if nothing was ever said there. */
  lastSeq(room: string): number;
  /** The lowest `seq` that is still kept; `lastSeq + 1` if nothing is. */
  firstSeq(room: string): number;
  /** At most `limit` messages with a `seq` over `seq`, ascending. */
  after(room: string, seq: number, limit: number): readonly Said[];
  /** The `limit` newest messages with a `seq` under `seq`, ascending. */
  before(room: string, seq: number, limit: number): readonly Said[];
  /** What is known of a session that has a secret. */
  session(id: string): SessionRecord | undefined;
  /** A session of that folded name that did not say goodbye and was seen at or after `sinceMs`. */
  sessionNamed(folded: string, sinceMs: number): SessionRecord | undefined;
  /** At most `limit` private messages to a session with a `mail` over `mail`, ascending. */
  mailAfter(id: string, mail: number, limit: number): readonly PrivateMessage[];
  /** Adds one turn, all of it or nothing: when it throws, the log is unchanged. */
  append(entry: LogEntry): void;
}

export type SessionRecord = {
  id: string;
  /** Folded name by which mail finds the session; empty once it has said goodbye. */
  name: string;
  /** Highest counter of its messages. */
  n: number;
  /** Highest number in its mail. */
  mail: number;
  seenMs: number;
};

/** Everything that one turn of the event loop adds. */
export type LogEntry = {
  said: readonly Said[];
  mail: readonly { session: string; message: PrivateMessage }[];
  /** Sessions whose record changed, each once, as it is after this turn. */
  sessions: readonly SessionRecord[];
};

/**
 * As many of `messages`, from the oldest or the newest on, as one page may hold: `history.pageBytes` on the wire, but one in any
 * case.
 */
export function fittingPage<T extends { text: string }>(
  messages: readonly T[],
  from: "oldest" | "newest",
): readonly T[] {
  let bytes = 0;
  for (let i = 0; i < messages.length; i++) {
    const { text } = messages[from === "oldest" ? i : messages.length - 1 - i]!;
    bytes += maxBytesPerUnit * text.length + frameBytes;
    if (bytes <= limits.pageBytes || i === 0) continue;
    return from === "oldest" ? messages.slice(0, i) : messages.slice(messages.length - i);
  }
  return messages;
}

/** UTF-8 of one UTF-16 unit at most, and a message's numbers and names. */
const maxBytesPerUnit = 3;
const frameBytes = 200;
