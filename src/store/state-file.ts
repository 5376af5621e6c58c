// What operators have decided, of a server without `--data`: a data file of its own in the state
// folder. It is opened only when there is something to read or to write.

import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { RightsChange, RightsRow } from "../chat/rights/rights-rows.ts";
import type { RightsTable } from "../chat/store.ts";
import { ParleyError } from "../errors.ts";
import { openSqliteStore, type SqliteStore } from "./sqlite.ts";
import { storageError } from "./sqlite-errors.ts";

export const stateFileName = "state.db";

export class StateFile implements RightsTable {
  readonly #folder: string;
  readonly path: string;
  #store: SqliteStore | undefined;

  constructor(folder: string) {
    this.#folder = folder;
    this.path = join(folder, stateFileName);
  }

  /** @throws ParleyError `storage` */
  load(): readonly RightsRow[] {
    return this.#store !== undefined || existsSync(this.path) ? this.#open().rights.load() : [];
  }

  /** @throws ParleyError `storage` */
  change(changes: readonly RightsChange[]): void {
    this.#open().rights.change(changes);
  }

  close(): void {
    this.#store?.close();
    this.#store = undefined;
  }

  #open(): SqliteStore {
    if (this.#store === undefined) {
      try {
        mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      } catch (error) {
        throw storageError(this.path, "created", error);
      }
      this.#store = openInState(this.path);
    }
    return this.#store;
  }
}

/** @throws ParleyError `storage` that names the flag of this file */
function openInState(path: string): SqliteStore {
  try {
    return openSqliteStore(path);
  } catch (error) {
    if (!(error instanceof ParleyError)) throw error;
    throw new ParleyError(error.code, error.message.replaceAll("--data", "--state"));
  }
}
