// What the server needs from a store in addition to the hub's interface: sweeping and closing. All
// implementations pass the same contract suite (tests/store/store.contract.ts).

import { secretText } from "../secrets.ts";
import type { LocalStore } from "../chat/turn/store.ts";
import type { Retention } from "./retention.ts";

/** Names and texts are well-formed Unicode without control characters; the hub ensures that. */
export interface ServerStore extends LocalStore {
  /** Set by the server: whether a room has members. Unused rooms are dropped first. */
  isInUse?: (room: string) => boolean;
  /**
   * Deletes a bounded slice of what exceeds the retention; true if more is left. Never throws: what
   * can't be deleted now is deleted later.
   */
  sweep(): boolean;
  /** Writes pending data. The store can't be used afterwards. */
  close(): void;
}

export type StoreOptions = {
  retention?: Partial<Retention>;
  /** Milliseconds by which data ages (retention-clock.ts); never goes back. */
  clock?: () => number;
};

/** An identifier for a new log: 128 random bits. */
export function newEpoch(): string {
  return secretText(16);
}
