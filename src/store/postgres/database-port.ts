// What the store needs of a database: statements, transactions, notifications. The simulator has
// another one behind it.

import type { Run } from "./database.ts";

/** Every method throws DatabaseAway (database.ts) if it may have happened, Refused if it did not. */
export interface DatabasePort {
  readonly run: Run;
  /** Runs several statements without values, as one transaction. */
  script(text: string): Promise<void>;
  /** Runs `work` in a transaction. */
  transact<T>(work: (run: Run) => Promise<T>): Promise<T>;
  /**
   * Calls `heard` with each notification on a channel. `connected` is called at first and after
   * each loss of the connection, when notifications may have been missed. Returns what ends it.
   */
  listen(
    channel: string,
    heard: (payload: string) => void,
    connected: () => void,
  ): Promise<() => void>;
}
