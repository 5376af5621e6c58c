// What the assembled server needs of a store beyond the hub's History: clearing up and closing. One contract suite
// (tests/store/history.contract.ts) holds every implementation to it.

import type { History, SessionRecord } from "../chat/history.ts";
import { history as limits } from "../limits.ts";

/** Strings in it are well-formed Unicode, as the hub makes them (text.ts). */
export interface Store extends History {
  /**
   * Forgets a bounded slice of what is over age or number; true if there is more to do now. Ages count from `nowMs`, Unix
   * milliseconds. Never throws: what could not be deleted is deleted later.
   */
  tidy(nowMs: number): boolean;
  /** Writes what is open and lets go of it. The store can't be used after that. */
  close(): void;
}

/** How much a store remembers; limits.ts has the numbers of a server, tests have smaller ones. */
export type Retention = {
  /** Messages of one room. */
  messages: number;
  /** Bytes of one room (memory only). */
  roomBytes: number;
  /** Bytes of all rooms (memory only). */
  totalBytes: number;
  /** Bytes of all mail (memory only). */
  mailBytes: number;
  /** Bytes in use of a data file (disk only). */
  fileBytes: number;
  /** Age of messages and mail, in milliseconds. */
  maxAgeMs: number;
  /** Private messages of one recipient. */
  mailMessages: number;
  /** Rooms with a past. */
  rooms: number;
  /** Sessions, the ones unseen for longest forgotten first. */
  sessions: number;
  /** Age of a session's last sign of life after which it is forgotten with its mail, in milliseconds. */
  sessionAgeMs: number;
  /** The same for a session that has said goodbye. */
  goodbyeAgeMs: number;
};

/** Whether a record says no more than none at all: nobody is remembered for having come, said nothing and gone. */
export function isBlank({ name, n, mail }: SessionRecord): boolean {
  return name === "" && n === 0 && mail === 0;
}

/** Retention of a server, for a store of that kind. */
export function defaultRetention(kind: "memory" | "disk"): Retention {
  return {
    messages: kind === "memory" ? limits.memoryMessages : limits.diskMessages,
    roomBytes: limits.memoryRoomBytes,
    totalBytes: limits.memoryBytes,
    mailBytes: limits.memoryMailBytes,
    fileBytes: limits.diskBytes,
    maxAgeMs: limits.maxAgeMs,
    mailMessages: limits.mailMessages,
    rooms: kind === "memory" ? limits.maxRooms : limits.diskRooms,
    sessions: limits.maxSessions,
    sessionAgeMs: limits.resumeMs,
    goodbyeAgeMs: limits.goodbyeMs,
  };
}

/**
 * Keeps a store tidy until the answer is called: a round now and then, in slices between which others get their turn. `nowMs` is
 * the clock by which its messages were dated.
 */
export function keepTidy(store: Store, nowMs: () => number): () => void {
  let timer: ReturnType<typeof setTimeout>;
  const turn = (): void => {
    timer = setTimeout(turn, store.tidy(nowMs()) ? limits.tidySliceMs : limits.tidyMs);
    timer.unref();
  };
  timer = setTimeout(turn, limits.tidyMs);
  timer.unref();
  return () => clearTimeout(timer);
}

/** A name for a new log: 128 bits of chance. */
export function newEpoch(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("hex");
}
