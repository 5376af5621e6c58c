// Counts the outcomes of requests to the database, and how long their answers take.

import { type DatabaseMetrics, observe } from "../../chat/metrics/metrics.ts";
import { DatabaseAway } from "./database.ts";
import type { Run } from "./database.ts";
import type { DatabasePort } from "./database-port.ts";

type Counts = Pick<DatabaseMetrics, "latency" | "outcomes" | "inFlight">;

export class MeteredDatabase implements DatabasePort {
  readonly #database: DatabasePort;
  readonly #counts: Counts;
  readonly #now: () => number;

  /** `now`: milliseconds that never decrease. */
  constructor(database: DatabasePort, counts: Counts, now: () => number) {
    this.#database = database;
    this.#counts = counts;
    this.#now = now;
  }

  readonly run: Run = (text, values) => this.#measure(() => this.#database.run(text, values));

  script(text: string): Promise<void> {
    return this.#measure(() => this.#database.script(text));
  }

  transact<T>(work: (run: Run) => Promise<T>): Promise<T> {
    return this.#measure(() => this.#database.transact(work));
  }

  listen(
    channel: string,
    heard: (payload: string) => void,
    connected: () => void,
  ): Promise<() => void> {
    return this.#database.listen(channel, heard, connected);
  }

  async #measure<T>(request: () => Promise<T>): Promise<T> {
    const counts = this.#counts;
    const startMs = this.#now();
    counts.inFlight++;
    try {
      const result = await request();
      counts.outcomes.done++;
      observe(counts.latency, (this.#now() - startMs) / 1_000);
      return result;
    } catch (error) {
      if (error instanceof DatabaseAway) counts.outcomes.unknown++;
      else {
        counts.outcomes.refused++;
        observe(counts.latency, (this.#now() - startMs) / 1_000);
      }
      throw error;
    } finally {
      counts.inFlight--;
    }
  }
}
