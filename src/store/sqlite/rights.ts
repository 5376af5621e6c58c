// Operators' decisions, in a data file.

import type { RightsChange, RightsRow } from "../../chat/rights/rights-rows.ts";
import type { RightsTable } from "../../chat/turn/store.ts";
import type { Read, Statements } from "./statements.ts";

export class SqliteRights implements RightsTable {
  readonly #sql: Statements;
  readonly #read: Read;
  readonly #write: (work: () => void) => void;

  /** `write` runs its argument in a transaction. */
  constructor(sql: Statements, read: Read, write: (work: () => void) => void) {
    this.#sql = sql;
    this.#read = read;
    this.#write = write;
  }

  load(): readonly RightsRow[] {
    return this.#read(() => this.#sql.rights.all());
  }

  change(changes: readonly RightsChange[]): readonly RightsChange[] {
    const outdated: RightsChange[] = [];
    this.#write(() => {
      for (const { key, value, before } of changes) {
        const now = before === undefined ? undefined : this.#sql.right.get(key)?.value;
        if (now !== before && now !== value) outdated.push({ key, value: now });
        else if (value === undefined) this.#sql.deleteRight.run(key);
        else this.#sql.putRight.run(key, value);
      }
    });
    return outdated;
  }
}
