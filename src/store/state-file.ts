// Data that survives a server without `--data`: registered names and operators' decisions. A
// separate data file in the state folder, opened only when there is something to read or write.

import { lstatSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Accounts } from "../chat/accounts/account-store.ts";
import type { RightsTable } from "../chat/turn/store.ts";
import { ParleyError } from "../errors.ts";
import { openSqliteStore, type SqliteStore } from "./sqlite/store.ts";
import { storageError } from "./sqlite/errors.ts";

export const stateFileName = "state.db";

export class StateFile {
  readonly #folder: string;
  readonly path: string;
  #store: SqliteStore | undefined;

  constructor(folder: string) {
    this.#folder = folder;
    this.path = join(folder, stateFileName);
  }

  /** @throws ParleyError `storage` */
  openIfThere(): void {
    if (this.#isThere()) this.#open();
  }

  /**
   * The tables of the file; empty until it is opened, even if another server creates it meanwhile.
   */
  get tables(): { rights: RightsTable; accounts: Accounts } {
    return {
      rights: {
        load: () => this.#store?.rights.load() ?? [],
        change: (changes) => this.#open().rights.change(changes),
      },
      accounts: {
        find: (lookup) => this.#store?.accounts.find(lookup),
        change: (change) => this.#open().accounts.change(change),
      },
    };
  }

  close(): void {
    this.#store?.close();
    this.#store = undefined;
  }

  /** A link to an unmounted disk must not be mistaken for a file that was never created. */
  #isThere(): boolean {
    try {
      return lstatSync(this.path, { throwIfNoEntry: false }) !== undefined;
    } catch (error) {
      throw storageError(this.path, "opened", error);
    }
  }

  #open(): SqliteStore {
    if (this.#store === undefined) {
      try {
        mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      } catch (error) {
        throw storageError(this.path, "created", error);
      }
      this.#store = openInState(this.path);
      // Mailboxes are in memory.
      this.#store.accounts.forgetMail();
    }
    return this.#store;
  }
}

/** @throws ParleyError `storage` that names the flag for this file */
function openInState(path: string): SqliteStore {
  try {
    return openSqliteStore(path);
  } catch (error) {
    if (!(error instanceof ParleyError)) throw error;
    throw new ParleyError(error.code, error.message.replaceAll("--data", "--state"));
  }
}
