// The outcomes of account changes. A change whose answer was lost is repeated, and may be carried
// out late, after others: it must not undo those. And changes at other servers whose notification
// was lost are found here.

import type { AccountProblem } from "../../chat/accounts/account-rules.ts";
import type { AccountChange } from "../../chat/accounts/account-store.ts";
import { postgres as limits } from "../../limits.ts";
import type { Run } from "./database.ts";
import type { DatabasePort } from "./database-port.ts";

/** A request of one process, whatever IDs it has among the servers. */
export type ChangeId = { readonly process: string; readonly request: number };

/** What other servers are told of a change. */
export type AccountNotice = ChangeId & {
  readonly account: string;
  readonly change: AccountChange["type"];
};

/** The outcome, if the change was carried out before. */
export async function outcomeOf(
  run: Run,
  { process, request }: ChangeId,
): Promise<{ why: AccountProblem | undefined } | undefined> {
  const [row] = await run<{ why: AccountProblem | null }>(
    "SELECT why FROM parley.account_changes WHERE process = $1 AND request = $2",
    [process, request],
  );
  return row && { why: row.why ?? undefined };
}

/** A second execution at the same time is refused (unique_violation). */
export async function keepOutcome(
  run: Run,
  { process, request, account, change }: AccountNotice,
  why: AccountProblem | undefined,
): Promise<void> {
  await run(
    `INSERT INTO parley.account_changes (process, request, account, change, why)
     VALUES ($1, $2, $3, $4, $5)`,
    [process, request, account, change, why ?? null],
  );
}

/** Whether other servers have to know: their users may no longer act for the account. */
export function concernsOthers(change: AccountChange["type"]): boolean {
  return change !== "used" && change !== "add-token";
}

/** Follows the changes by other processes. */
export class AccountChanges {
  readonly #database: DatabasePort;
  readonly #process: string;
  /** The changes that were notified, or found here. */
  #known = new Set<string>();
  /** When the last one was made, in Unix milliseconds of the database. */
  #lastMs = 0;

  constructor(database: DatabasePort, process: string) {
    this.#database = database;
    this.#process = process;
  }

  /** Whether this one is new. Servers of earlier versions send no ID, and nothing twice. */
  isNew({ process, request }: Partial<ChangeId>): boolean {
    if (process === undefined) return true;
    const key = `${process} ${request}`;
    if (process === this.#process || this.#known.has(key)) return false;
    this.#known.add(key);
    return true;
  }

  /** Changes of which there was no notification. @throws DatabaseAway, Refused */
  async look(): Promise<readonly AccountNotice[]> {
    const before = new Set(this.#known);
    const rows = await this.#database.run<
      Omit<AccountNotice, "request"> & { request: number | string; at: number | string }
    >(
      `SELECT process, request, account, change, (extract(epoch FROM at) * 1000)::bigint AS at
       FROM parley.account_changes
       WHERE why IS NULL AND at > to_timestamp($1::bigint / 1000.0) - $2 * interval '1 millisecond'
       ORDER BY at`,
      [this.#lastMs, limits.changesReadMs],
    );
    const changes = rows.map(({ process, request, account, change }) => {
      return { process, request: Number(request), account, change };
    });
    const found = changes.filter((change) => concernsOthers(change.change) && this.isNew(change));
    // Those that are no longer read need not be known.
    const read = new Set(changes.map(({ process, request }) => `${process} ${request}`));
    this.#known = new Set([...this.#known].filter((key) => read.has(key) || !before.has(key)));
    this.#lastMs = Math.max(this.#lastMs, ...rows.map(({ at }) => Number(at)));
    return found;
  }
}
