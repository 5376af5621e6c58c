// The clock that says how long people have been absent, and so how long their names stay reserved.
// All servers of a database share it, and it only advances while one of them runs. No
// reserved name is released early because a system clock is wrong or differs from another's.

import { steadyMs } from "../../io/clock.ts";
import type { DatabasePort } from "./database-port.ts";
import type { ClockOptions } from "./shared-clock.ts";

export class AwayClock {
  readonly #database: DatabasePort;
  readonly #hubMs: () => number;
  /** How far it is ahead of the hub's clock. */
  #aheadMs: number;

  /** In a new database it begins with the clock of this server. @throws DatabaseAway, Refused */
  static async open(database: DatabasePort, options: ClockOptions): Promise<AwayClock> {
    const { hubMs = steadyMs, systemMs = Date.now } = options;
    const [row] = await database.run<{ value: string }>(
      `INSERT INTO parley.meta (key, value) VALUES ('away_ms', $1)
       ON CONFLICT (key) DO UPDATE SET value = meta.value RETURNING value`,
      [String(Math.floor(systemMs()))],
    );
    return new AwayClock(database, hubMs, Number(row?.value) - hubMs());
  }

  private constructor(database: DatabasePort, hubMs: () => number, aheadMs: number) {
    this.#database = database;
    this.#hubMs = hubMs;
    this.#aheadMs = aheadMs;
  }

  /** A time of this server's hub, by the common clock. */
  common(hubMs: number): number {
    return Math.floor(hubMs + this.#aheadMs);
  }

  /** The reverse of `common`. */
  own(commonMs: number): number {
    return commonMs - this.#aheadMs;
  }

  /** Stores its reading, and continues from that of a server that is ahead. */
  async sync(): Promise<void> {
    const [row] = await this.#database.run<{ value: string }>(
      `INSERT INTO parley.meta (key, value) VALUES ('away_ms', $1)
       ON CONFLICT (key) DO UPDATE
         SET value = greatest(meta.value::bigint, excluded.value::bigint)::text
       RETURNING value`,
      [String(this.common(this.#hubMs()))],
    );
    this.#aheadMs = Math.max(this.#aheadMs, Number(row?.value ?? -Infinity) - this.#hubMs());
  }
}
