// What the assembled server needs of a store beyond the hub's LocalStore: retention and closing.
// One contract suite (tests/store/store.contract.ts) holds every implementation to it.

import type { Batch, Committed, LocalStore } from "../chat/store.ts";
import { history as limits } from "../limits.ts";

/**
 * Strings in it are well-formed Unicode without control characters, as the hub makes them
 * (text.ts).
 */
export interface Store extends LocalStore {
  /**
   * Set by the server: whether anybody is in a room. Where not all can be kept, other rooms are
   * forgotten first.
   */
  isInUse?: (room: string) => boolean;
  /**
   * Forgets a bounded slice of what is over age, number or bytes; true if there is more to do now.
   * Never throws: what could not be deleted is deleted later.
   */
  sweep(): boolean;
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
  /** Private messages of one recipient; up to an eighth more until it is cut back. */
  mailMessages: number;
  /** Rooms with a past. */
  rooms: number;
  /** Sessions, the ones unseen for longest forgotten first. */
  sessions: number;
  /**
   * Age of a session's last sign of life after which it is forgotten with its mail, in
   * milliseconds.
   */
  sessionAgeMs: number;
  /** The same for a session that has said goodbye. */
  goodbyeAgeMs: number;
};

/** What stores can be opened with. */
export type StoreOptions = {
  retention?: Partial<Retention>;
  /** The clock by which things age (retention-clock.ts), in milliseconds; it never goes back. */
  clock?: () => number;
};

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
 * The last batch that was committed and its numbers, so that the same batch again is not in the log
 * twice.
 */
export class LastBatch {
  #number = 0;
  #committed: Committed | undefined;

  /** The numbers of a batch that was the last one; undefined for a new one. */
  repeated({ number }: Batch): Committed | undefined {
    if (number > this.#number) return undefined;
    if (number === this.#number && this.#committed !== undefined) return this.#committed;
    throw new Error(`Batch ${number} comes after batch ${this.#number}`);
  }

  remember({ number }: Batch, committed: Committed): Committed {
    this.#number = number;
    this.#committed = committed;
    return committed;
  }
}

/**
 * Sweeps a store now and then, in slices between which others get their turn, until the answer is
 * called.
 */
export function startSweeper(store: Store): () => void {
  let timer: ReturnType<typeof setTimeout>;
  const sweep = (): void => {
    timer = setTimeout(sweep, store.sweep() ? limits.tidySliceMs : limits.tidyMs);
    timer.unref();
  };
  timer = setTimeout(sweep, limits.tidyMs);
  timer.unref();
  return () => clearTimeout(timer);
}

/** A name for a new log: 128 random bits. */
export function newEpoch(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("hex");
}
