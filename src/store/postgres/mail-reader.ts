// Looks for private messages that notifications have missed: in a part of the mailboxes each time,
// or in all of them if notifications may have been missed.

import type { ForeignEvent, SharedHub } from "../../chat/elsewhere/foreign-events.ts";
import { postgres as limits } from "../../limits.ts";
import type { DatabasePort } from "./database-port.ts";

export class MailReader {
  readonly #database: DatabasePort;
  readonly #deliver: (event: ForeignEvent) => void;
  #mayMissAny = false;
  /** Mailboxes that are still to be checked in this round. */
  #left: readonly (readonly [mailbox: string, mail: number])[] = [];

  constructor(database: DatabasePort, deliver: (event: ForeignEvent) => void) {
    this.#database = database;
    this.#deliver = deliver;
  }

  mayMissAny(): void {
    this.#mayMissAny = true;
  }

  /** @throws DatabaseAway, Refused */
  async look(hub: SharedHub): Promise<void> {
    if (this.#mayMissAny || this.#left.length === 0) this.#left = hub.openMailboxes();
    const count = this.#mayMissAny ? this.#left.length : limits.mailboxesInTurn;
    const open = this.#left.slice(0, count);
    this.#left = this.#left.slice(count);
    this.#mayMissAny = false;
    for (let i = 0; i < open.length; i += limits.mailboxesPerLook) {
      const known = new Map(open.slice(i, i + limits.mailboxesPerLook));
      const rows = await this.#database.run<{ id: string; mail: number | string }>(
        `SELECT id, mail FROM parley.sessions
         WHERE id IN (SELECT json_array_elements_text($1::text::json))`,
        [JSON.stringify([...known.keys()])],
      );
      for (const { id, mail } of rows) {
        if (Number(mail) <= (known.get(id) ?? 0)) continue;
        this.#deliver({ type: "mail", mailbox: id, mail: Number(mail) });
      }
    }
  }
}
