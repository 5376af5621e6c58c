// The clock by which the data of a database ages. Every server has one of its own, and if they
// differed, one server would delete what another has just written: so they start at the database's
// clock, and the slower ones follow the fastest.

import { steadyMs } from "../../io/clock.ts";
import { retentionClock } from "../retention-clock.ts";
import type { DatabasePort } from "./database-port.ts";

export type ClockOptions = {
  /** Milliseconds by which data ages, instead of those of retention-clock.ts; never decreases. */
  clock?: (() => number) | undefined;
  /** The system clock. */
  systemMs?: (() => number) | undefined;
  /** The monotonic clock of this server's hub. */
  hubMs?: (() => number) | undefined;
};

export class SharedClock {
  readonly #own: () => number;
  #behindMs = 0;

  /** In a new database it begins with the clock of this server. @throws DatabaseAway, Refused */
  static async open(database: DatabasePort, options: ClockOptions): Promise<SharedClock> {
    const { clock, systemMs = Date.now, hubMs = steadyMs } = options;
    const [row] = await database.run<{ value: string }>(
      `INSERT INTO parley.meta (key, value) VALUES ('clock_ms', $1)
       ON CONFLICT (key) DO UPDATE SET value = meta.value RETURNING value`,
      [String(Math.floor((clock ?? systemMs)()))],
    );
    return new SharedClock(clock ?? retentionClock(Number(row?.value), hubMs, systemMs));
  }

  private constructor(own: () => number) {
    this.#own = own;
  }

  get nowMs(): number {
    return Math.floor(this.#own() + this.#behindMs);
  }

  /** Where the clock of another server is. */
  follow(otherMs: number): void {
    this.#behindMs = Math.max(this.#behindMs, otherMs - this.#own());
  }
}
