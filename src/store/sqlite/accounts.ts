// Accounts in a data file: who owns which name, with keys, password hashes and token hashes.

import type { Database } from "bun:sqlite";
import type {
  Account,
  AccountChange,
  AccountLookup,
  AccountOutcome,
  Accounts,
  DeviceKey,
} from "../../chat/accounts/account-store.ts";
import { accountMailbox } from "../../chat/accounts/account-store.ts";
import { accounts as limits } from "../../limits.ts";
import { type AccountStatements, accountStatements, type KeyRow } from "./account-statements.ts";
import type { Read } from "./statements.ts";

type Problem = "name" | "key" | "full" | "missing" | undefined;
type Change<T extends AccountChange["type"]> = Extract<AccountChange, { type: T }>;

export class SqliteAccounts implements Accounts {
  readonly #read: Read;
  readonly #write: Read;
  readonly #sql: AccountStatements;

  /** `write` runs its argument in a transaction. */
  constructor(db: Database, read: Read, write: Read) {
    this.#read = read;
    this.#write = write;
    this.#sql = accountStatements(db);
  }

  find(lookup: AccountLookup): Account | undefined {
    return this.#read(() => this.#find(lookup));
  }

  change(change: AccountChange): AccountOutcome {
    return this.#write((): AccountOutcome => {
      const before = this.#find({ id: change.account });
      const why = this.#apply(change, before);
      const account = change.type === "delete" ? before : this.#find({ id: change.account });
      if (why !== undefined) return { done: false, why };
      return account === undefined ? { done: false, why: "missing" } : { done: true, account };
    });
  }

  /** The mailboxes are new: none of their messages has been delivered. */
  forgetMail(): void {
    this.#write(() => {
      for (const statement of this.#sql.forgetMail) statement.run();
    });
  }

  /** Call this before the file is closed. */
  close(): void {
    this.#sql.finalize();
  }

  #find(lookup: AccountLookup): Account | undefined {
    const { byId, byName, byKey, byToken, keys } = this.#sql;
    const row =
      "id" in lookup
        ? byId.get(lookup.id)
        : "name" in lookup
          ? byName.get(lookup.name)
          : "key" in lookup
            ? byKey.get(lookup.key)
            : byToken.get(lookup.token);
    if (row === null) return undefined;
    return { ...row, password: row.password ?? undefined, keys: keys.all(row.id).map(keyOf) };
  }

  #apply(change: AccountChange, account: Account | undefined): Problem {
    if (change.type === "register") {
      if (account === undefined) return this.#register(change);
      return account.folded === change.folded ? undefined : "name";
    }
    if (account === undefined) return "missing";
    const { account: id, atMs } = change;
    const { revoke, use, vouch, setPassword, putToken, trimTokens, removeToken } = this.#sql;
    switch (change.type) {
      case "add-key":
        return this.#addKey(change, account);
      case "revoke-key":
        revoke.run(atMs, id, change.key);
        return account.keys.some(({ key }) => key === change.key) ? undefined : "missing";
      case "vouch":
        return vouch.run(change.vouch, id, change.key).changes === 0 ? "missing" : undefined;
      case "set-password":
        setPassword.run(change.password ?? null, id);
        this.#sql.dropTokens.run(id);
        return undefined;
      case "add-token":
        if (account.password !== change.password) return "missing";
        putToken.run(change.token, id, atMs);
        trimTokens.run(id, id, limits.maxTokens);
        return undefined;
      case "remove-token":
        removeToken.run(id, change.token);
        return undefined;
      case "used":
        if (change.key === undefined) {
          this.#sql.useWithoutKey.run(change.mail, id);
          return undefined;
        }
        return use.run(atMs, change.mail, id, change.key).changes === 0 ? "missing" : undefined;
      case "delete":
        for (const statement of this.#sql.remove) statement.run(id);
        for (const statement of this.#sql.removeMail) statement.run(accountMailbox(id));
        return undefined;
    }
  }

  #register({ account: id, name, folded, key, password, atMs }: Change<"register">): Problem {
    const { byName, byKey, count, insert, insertKey } = this.#sql;
    if (byName.get(folded) !== null) return "name";
    if (key !== undefined && byKey.get(key.key) !== null) return "key";
    if (count.get()!.count >= limits.maxAccounts) return "full";
    insert.run(id, name, folded, password ?? null, atMs);
    if (key !== undefined) insertKey.run(id, key.key, key.label, atMs, atMs);
    return undefined;
  }

  #addKey({ key, label, atMs }: Change<"add-key">, { id, keys }: Account): Problem {
    const active = keys.filter(({ revokedMs }) => revokedMs === undefined);
    if (active.some((one) => one.key === key)) return undefined;
    if (this.#sql.byKey.get(key) !== null) return "key";
    if (active.length >= limits.maxKeys) return "full";
    this.#sql.forgetKey.run(id, key);
    // Beyond the bound, the key that was revoked first is forgotten.
    if (keys.length >= limits.maxKnownKeys) this.#sql.forgetRevoked.run(id);
    this.#sql.insertKey.run(id, key, label, atMs, atMs);
    return undefined;
  }
}

function keyOf({ revokedMs, vouch, ...row }: KeyRow): DeviceKey {
  return { ...row, revokedMs: revokedMs ?? undefined, vouch: vouch ?? undefined };
}
