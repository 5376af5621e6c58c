// The accounts in the simulated database. What has ended never comes back: a password, device,
// token or account that is replaced, revoked or deleted. Only a revoked device may join again, by a
// code that was made after that, or once its account is deleted.

import { fail } from "../chat/truth.ts";
import { Table, type Undo } from "./rows.ts";

export type AccountRow = {
  readonly id: string;
  readonly name: string;
  readonly folded: string;
  readonly password: string | null;
  readonly mail: number;
};
export type KeyRow = {
  readonly account: string;
  readonly key: string;
  readonly label: string;
  readonly added: number;
  readonly used: number;
  readonly revoked: number | null;
  readonly mail: number;
  readonly vouch: string | null;
};
export type CodeRow = { readonly account: string; readonly madeAt: number };
export type TokenRow = {
  readonly token: string;
  readonly account: string;
  readonly added: number;
};
export type ChangeRow = {
  readonly process: string;
  readonly request: number;
  readonly account: string;
  readonly change: string;
  readonly why: string | null;
  readonly at: number;
};

export class AccountTables {
  readonly accounts = new Table<string, AccountRow>();
  /** By account and key, in the order in which they were added. */
  readonly keys = new Table<string, KeyRow>();
  readonly tokens = new Table<string, TokenRow>();
  /** By the hash. */
  readonly codes = new Table<string, CodeRow>();
  /** By account: when the code was made that was used last, until a key is added. */
  readonly #usedCodes = new Table<string, number>();
  /** By process and request. */
  readonly changes = new Table<string, ChangeRow>();
  /** The same, oldest first. */
  readonly #changesByTime: ChangeRow[] = [];
  /** As `password …`, `key …`, `token …` and `account …`. */
  readonly #begun = new Table<string, true>();
  /** When it ended. */
  readonly #ended = new Table<string, number>();
  /** Counts codes and what has ended. */
  #order = 0;

  addChange(row: ChangeRow, undo: Undo): void {
    this.changes.put(`${row.process} ${row.request}`, row, undo);
    this.#changesByTime.push(row);
    undo.push(() => void this.#changesByTime.pop());
  }

  /** Drops those made before; returns how many there were. */
  dropChanges(beforeMs: number, limit: number, undo: Undo): number {
    const old = [...this.changes.entries()].filter(([, { at }]) => at < beforeMs).slice(0, limit);
    for (const [place] of old) this.changes.delete(place, undo);
    return old.length;
  }

  /** Oldest first. */
  changesAfter(ms: number): readonly ChangeRow[] {
    const all = this.#changesByTime;
    return all.slice(1 + all.findLastIndex(({ at }) => at <= ms));
  }

  named(folded: string): AccountRow | undefined {
    return [...this.accounts.values()].find((row) => row.folded === folded);
  }

  keysOf(account: string): readonly KeyRow[] {
    return [...this.keys.values()].filter((row) => row.account === account);
  }

  /** Whether it is in use now, for any account. */
  isActive(key: string): boolean {
    return [...this.keys.values()].some((row) => row.key === key && row.revoked === null);
  }

  putAccount(row: AccountRow, undo: Undo): void {
    const before = this.accounts.get(row.id);
    this.#begin(`account ${row.id}`, undo);
    if (before?.password !== row.password) {
      if (row.password !== null) this.#begin(`password ${row.password}`, undo);
      if (before !== undefined) this.#end(`password ${before.password}`, undo);
    }
    this.accounts.put(row.id, row, undo);
  }

  putKey(row: KeyRow, undo: Undo): void {
    if (row.revoked === null) this.#beginKey(row, undo);
    else this.#end(`key ${row.key}`, undo);
    this.keys.put(`${row.account} ${row.key}`, row, undo);
  }

  dropKey({ account, key }: KeyRow, undo: Undo): void {
    this.#end(`key ${key}`, undo);
    this.keys.delete(`${account} ${key}`, undo);
  }

  putCode(hash: string, account: string, undo: Undo): void {
    this.codes.put(hash, { account, madeAt: ++this.#order }, undo);
  }

  useCode(hash: string, undo: Undo): void {
    const row = this.codes.get(hash);
    if (row === undefined) return;
    this.codes.delete(hash, undo);
    this.#usedCodes.put(row.account, row.madeAt, undo);
  }

  dropCodes(of: string, undo: Undo): void {
    for (const [hash, { account }] of this.codes.entries()) {
      if (account === of) this.codes.delete(hash, undo);
    }
  }

  putToken(row: TokenRow, undo: Undo): void {
    this.#begin(`token ${row.token}`, undo);
    this.tokens.put(row.token, row, undo);
  }

  dropTokens(isMeant: (row: TokenRow) => boolean, undo: Undo): void {
    for (const row of [...this.tokens.values()].filter(isMeant)) {
      this.#end(`token ${row.token}`, undo);
      this.tokens.delete(row.token, undo);
    }
  }

  dropAccount(id: string, undo: Undo): void {
    const row = this.accounts.get(id);
    if (row === undefined) return;
    // Their owners may register with them again, even with those that were revoked.
    for (const { key } of this.keysOf(id)) {
      this.keys.delete(`${id} ${key}`, undo);
      this.#ended.delete(`key ${key}`, undo);
    }
    this.dropTokens(({ account }) => account === id, undo);
    this.dropCodes(id, undo);
    this.#end(`password ${row.password}`, undo);
    this.#end(`account ${id}`, undo);
    this.accounts.delete(id, undo);
  }

  /** Whether that, as `password …` or `key …`, is or was valid. */
  hasKnown(what: string): boolean {
    return this.#begun.get(what) === true;
  }

  hasEnded(what: string): boolean {
    return this.#ended.get(what) !== undefined;
  }

  #beginKey({ account, key }: KeyRow, undo: Undo): void {
    const what = `key ${key}`;
    const codeAt = this.#usedCodes.get(account) ?? -1;
    if (codeAt > (this.#ended.get(what) ?? 0)) this.#ended.delete(what, undo);
    this.#usedCodes.delete(account, undo);
    this.#begin(what, undo);
  }

  #begin(what: string, undo: Undo): void {
    if (this.hasEnded(what)) fail(`${what} is valid again`);
    this.#begun.put(what, true, undo);
  }

  #end(what: string, undo: Undo): void {
    if (!this.hasEnded(what)) this.#ended.put(what, ++this.#order, undo);
  }
}
