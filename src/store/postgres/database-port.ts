// The store's interface to a database: statements, transactions, notifications. The simulator has a
// different implementation.

import type { Run } from "./database.ts";

/**
 * Every method throws DatabaseAway (database.ts) if the work may have been done, Refused if it was
 * not.
 */
export interface DatabasePort {
  readonly run: Run;
  /** Runs several statements without values, as one transaction. */
  script(text: string): Promise<void>;
  /** Runs `work` in a transaction. */
  transact<T>(work: (run: Run) => Promise<T>): Promise<T>;
  /**
   * Calls `heard` with each notification on a channel. `connected` is called initially and after
   * each loss of the connection, when notifications may have been missed. Returns a function that
   * stops listening.
   */
  listen(
    channel: string,
    heard: (payload: string) => void,
    connected: () => void,
  ): Promise<() => void>;
}
