// A server's store once it is open, wherever it is kept. Types only.

import type { SharedHub } from "../chat/elsewhere/foreign-events.ts";
import type { SharedStore } from "../chat/hub-state.ts";
import type { DatabaseMetrics } from "../chat/metrics/metrics.ts";
import type { PastSizes } from "../chat/history/past-limits.ts";
import type { NewNumber } from "../chat/rights/row-numbers.ts";
import type { RightsRow } from "../chat/rights/rights-rows.ts";
import type { StoreAnswerer } from "../chat/turn/store.ts";
import type { PeerRegistry } from "../cpp/peer-registry.ts";

/** Delivers the actions of other servers to the hub. */
export type OtherServers = SharedStore & { attach(hub: SharedHub): void };

export type OpenStore = {
  /** Identifies the log. */
  readonly epoch: string;
  readonly answer: StoreAnswerer;
  /** Operators' decisions so far. */
  readonly rights: readonly RightsRow[];
  /**
   * Assigns numbers to operators' decisions that are unique among all servers; undefined if there
   * is only this server.
   */
  readonly numbers?: NewNumber | undefined;
  /** Whether this folded name is registered. @throws ParleyError `storage` */
  isRegistered(folded: string): boolean;
  /** Sets how to tell which rooms have members: unused rooms are dropped first. */
  keepInUse(isInUse: (room: string) => boolean): void;
  /** The other servers that use this store; undefined if there are none. */
  readonly others?: OtherServers | undefined;
  /**
   * Tells the other servers where clients reach this one. @throws Error if the store can't say so
   */
  setAddress?(address: string): Promise<void>;
  /** Of the database that other servers use, too; undefined: there is none. */
  databaseMetrics?(): DatabaseMetrics;
  readonly registry: PeerRegistry;
  /** Real paths of the store's files. */
  readonly paths: readonly string[];
  /** How much of the rooms' history is kept. */
  readonly past: PastSizes;
  close(): Promise<void>;
};
