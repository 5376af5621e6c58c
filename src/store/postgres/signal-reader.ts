// Reads what other servers have for individual people here, once, in its order.

import type { ForeignEvent } from "../../chat/elsewhere/foreign-events.ts";
import type { DatabasePort } from "./database-port.ts";
import { eventOf } from "./notices.ts";

export class SignalReader {
  readonly #database: DatabasePort;
  readonly #serverId: () => string;
  readonly #deliver: (event: ForeignEvent) => void;
  /** The reading that was begun last, until it ends. */
  #reading: Promise<void> | undefined;
  /** Those that the hub has handled, and whose deletion is not yet confirmed. */
  readonly #handled = new Set<string>();

  constructor(
    database: DatabasePort,
    serverId: () => string,
    deliver: (event: ForeignEvent) => void,
  ) {
    this.#database = database;
    this.#serverId = serverId;
    this.#deliver = deliver;
  }

  /** One reading after another, to keep the order. @throws DatabaseAway, Refused */
  async read(): Promise<void> {
    const reading = this.idle().then(() => this.#readAll());
    this.#reading = reading;
    try {
      await reading;
    } finally {
      if (this.#reading === reading) this.#reading = undefined;
    }
  }

  /** Resolves when what is being read now has been delivered, or can't be read. */
  async idle(): Promise<void> {
    await this.#reading?.catch(() => {});
  }

  async #readAll(): Promise<void> {
    const rows = await this.#database.run<{ id: string; signal: string }>(
      "SELECT id::text AS id, signal FROM parley.signals s WHERE server = $1 ORDER BY s.id",
      [this.#serverId()],
    );
    if (rows.length === 0) return;
    for (const { id, signal } of rows) {
      if (this.#handled.has(id)) continue;
      this.#handled.add(id);
      this.#deliver(eventOf(signal));
    }
    // If the answer is lost, they may be returned again.
    const ids = rows.map(({ id }) => id);
    await this.#database.run(
      `DELETE FROM parley.signals
       WHERE id IN (SELECT value::bigint FROM json_array_elements_text($1::text::json))`,
      [JSON.stringify(ids)],
    );
    for (const id of ids) this.#handled.delete(id);
  }
}
