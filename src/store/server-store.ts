// What the server needs of a store beyond what the hub asks of it: sweeping and closing. One
// contract suite (tests/store/store.contract.ts) holds every implementation to both.

import type { LocalStore } from "../chat/store.ts";
import type { Retention } from "./retention.ts";

/** Names and texts are well-formed Unicode without control characters, as the hub makes them. */
export interface ServerStore extends LocalStore {
  /**
   * Set by the server: whether anybody is in a room. Rooms that are not in use are dropped first.
   */
  isInUse?: (room: string) => boolean;
  /**
   * Deletes a bounded slice of what the retention no longer allows; true if there is more to delete
   * now. Never throws: what can't be deleted now is deleted later.
   */
  sweep(): boolean;
  /** Writes what is pending. The store can't be used after that. */
  close(): void;
}

export type StoreOptions = {
  retention?: Partial<Retention>;
  /** Milliseconds by which things age (retention-clock.ts); it never goes back. */
  clock?: () => number;
};

/** A name for a new log: 128 random bits. */
export function newEpoch(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("hex");
}
