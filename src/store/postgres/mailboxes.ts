// Mailboxes. A full one loses messages of the network that fills most of it.

import { accountMark } from "../../chat/accounts/account-store.ts";
import type { PrivateMessage } from "../../chat/events.ts";
import type { MailCount, MailEntry, StoreReply, StoreRequest } from "../../chat/turn/store.ts";
import { isTrimDue, surplusCopies, surplusMail } from "../mailbox-shares.ts";
import type { DatabasePort } from "./database-port.ts";
import { readStored } from "./stored-json.ts";

type MailRow = { mail: number | string; time: number | string; sender: string; message: string };
type MailRequest = Extract<StoreRequest, { type: "read-mail" | "count-mail" | "list-mail" }>;
type EntryRow = {
  mail: number | string;
  time: number | string;
  id: number | string;
  person: string;
  name: string;
};
type Content = Omit<PrivateMessage, "type" | "mail" | "timeMs" | "from">;

export class PostgresMailboxes {
  readonly #database: DatabasePort;
  readonly #maxMessages: number;

  /**
   * Each mailbox keeps `maxMessages` and as many copies, and up to an eighth more until it is
   * trimmed.
   */
  constructor(database: DatabasePort, maxMessages: number) {
    this.#database = database;
    this.#maxMessages = maxMessages;
  }

  async answer(request: MailRequest): Promise<StoreReply> {
    const { session } = request;
    const done = { id: request.id, outcome: "done" } as const;
    switch (request.type) {
      case "read-mail": {
        const result =
          "numbers" in request
            ? await this.#pick(session, request.numbers)
            : await this.#after(session, request.after, request.limit);
        return { ...done, type: "read-mail", result };
      }
      case "count-mail": {
        const result = await this.#countAfter(session, request.after);
        return { ...done, type: "count-mail", result };
      }
      case "list-mail":
        return { ...done, type: "list-mail", result: await this.#list(session) };
    }
  }

  /**
   * At most `limit` messages with a higher `mail`, ascending. If an account has taken over the
   * mailbox, which its reader may not know yet, the account's; unless that is deleted.
   */
  async #after(session: string, mail: number, limit: number): Promise<PrivateMessage[]> {
    const rows = await this.#database.run<MailRow>(
      `SELECT mail, time_ms AS time, sender, message FROM parley.mail
       WHERE session = coalesce(
         (SELECT '${accountMark}' || a.id FROM parley.sessions s
          JOIN parley.accounts a ON a.id = s.account WHERE s.id = $1), $1)
       AND mail > $2 ORDER BY mail LIMIT $3`,
      [session, mail, limit],
    );
    return rows.map(messageOf);
  }

  async #countAfter(session: string, mail: number): Promise<MailCount> {
    const [row] = await this.#database.run<{ count: number | string; last: number | string }>(
      `SELECT count(*) AS count, coalesce(max(mail), $2) AS last FROM parley.mail
       WHERE session = $1 AND mail > $2`,
      [session, mail],
    );
    return { count: Number(row?.count ?? 0), last: Number(row?.last ?? mail) };
  }

  /** Copies, then received messages, each ascending. */
  async #list(session: string): Promise<MailEntry[]> {
    const rows = await this.#database.run<EntryRow>(
      `SELECT mail, time_ms AS time, id, person, person_name AS name FROM parley.mail
       WHERE session = $1 ORDER BY mail`,
      [session],
    );
    return rows.map(({ mail, time, id, person, name }) => {
      return { mail: Number(mail), timeMs: Number(time), id: Number(id), person, name };
    });
  }

  /** Those of these messages that are still kept, in any order. */
  async #pick(session: string, numbers: readonly number[]): Promise<PrivateMessage[]> {
    const rows = await this.#database.run<MailRow>(
      `SELECT mail, time_ms AS time, sender, message FROM parley.mail WHERE session = $1
       AND mail IN (SELECT value::bigint FROM json_array_elements_text($2::text::json))`,
      [session, JSON.stringify(numbers)],
    );
    return rows.map(messageOf);
  }

  /** Deletes a mailbox's excess messages, if its message or copy `mail` makes that due. */
  async trim(session: string, mail: number): Promise<void> {
    if (mail < 0) return await this.#trimCopies(session, mail);
    if (mail <= this.#maxMessages || !isTrimDue(mail, this.#maxMessages)) return;
    const rows = await this.#database.run<{ mail: number | string; network: string; from: string }>(
      // Without those that came after it in the same batch: these are trimmed one by one, too.
      `SELECT mail, network, sender AS "from" FROM parley.mail
       WHERE session = $1 AND mail > 0 AND mail <= $2 ORDER BY mail`,
      [session, mail],
    );
    const entries = rows.map((row) => ({ ...row, mail: Number(row.mail) }));
    const surplus = surplusMail(entries, this.#maxMessages);
    if (surplus.length === 0) return;
    await this.#database.run(
      `DELETE FROM parley.mail WHERE session = $1
       AND mail IN (SELECT value::bigint FROM json_array_elements_text($2::text::json))`,
      [session, JSON.stringify(surplus)],
    );
  }

  async #trimCopies(session: string, mail: number): Promise<void> {
    const last = surplusCopies(mail, this.#maxMessages);
    if (last === undefined) return;
    const deleted = "DELETE FROM parley.mail WHERE session = $1 AND mail <= $2";
    await this.#database.run(deleted, [session, last]);
  }
}

function messageOf({ mail, time, sender, message }: MailRow): PrivateMessage {
  const { alias, ...content } = readStored<Content>(message, "A private message");
  return {
    type: "private",
    mail: Number(mail),
    timeMs: Number(time),
    from: sender,
    alias,
    ...content,
  };
}
