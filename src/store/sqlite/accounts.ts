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
import { addedKey, judge, otherKeys, type Taken } from "../../chat/accounts/account-rules.ts";
import { accountMailbox } from "../../chat/accounts/account-store.ts";
import { accounts as limits } from "../../limits.ts";
import { type AccountStatements, accountStatements, type KeyRow } from "./account-statements.ts";
import type { Read } from "./statements.ts";

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
      const ruling = judge(change, before, this.#taken(change));
      if (ruling !== "carry-out" && ruling !== "nothing") return { done: false, why: ruling };
      if (ruling === "carry-out") this.#carryOut(change, before);
      const account = change.type === "delete" ? before : this.#find({ id: change.account });
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

  #taken(change: AccountChange): Taken {
    const { byName, byKey, count } = this.#sql;
    const key = addedKey(change);
    const isNew = change.type === "register";
    return {
      name: isNew && byName.get(change.folded) !== null,
      key: key !== undefined && byKey.get(key) !== null,
      accounts: isNew ? count.get()!.count : 0,
    };
  }

  #carryOut(change: AccountChange, before: Account | undefined): void {
    const { account: id, atMs } = change;
    const { revoke, use, vouch, setPassword, putToken, trimTokens, removeToken } = this.#sql;
    switch (change.type) {
      case "register":
        return this.#register(change);
      case "add-key":
        return this.#addKey(change, otherKeys(before, change.key));
      case "revoke-key":
        return void revoke.run(atMs, id, change.key);
      case "vouch":
        return void vouch.run(change.vouch, id, change.key);
      case "set-password":
        setPassword.run(change.password ?? null, id);
        return void this.#sql.dropTokens.run(id);
      case "add-token":
        putToken.run(change.token, id, atMs);
        return void trimTokens.run(id, id, limits.maxTokens);
      case "remove-token":
        return void removeToken.run(id, change.token);
      case "used":
        if (change.key === undefined) return void this.#sql.useWithoutKey.run(change.mail, id);
        return void use.run(atMs, change.mail, id, change.key);
      case "delete":
        for (const statement of this.#sql.remove) statement.run(id);
        for (const statement of this.#sql.removeMail) statement.run(accountMailbox(id));
    }
  }

  #register({ account: id, name, folded, key, password, atMs }: Change<"register">): void {
    this.#sql.insert.run(id, name, folded, password ?? null, atMs);
    if (key !== undefined) this.#sql.insertKey.run(id, key.key, key.label, atMs, atMs);
  }

  /** `others`: how many other keys the account has, including revoked ones. */
  #addKey({ account: id, key, label, atMs }: Change<"add-key">, others: number): void {
    this.#sql.forgetKey.run(id, key);
    // Beyond the bound, the key that was revoked first is forgotten.
    if (others >= limits.maxKnownKeys) this.#sql.forgetRevoked.run(id);
    this.#sql.insertKey.run(id, key, label, atMs, atMs);
  }
}

function keyOf({ revokedMs, vouch, ...row }: KeyRow): DeviceKey {
  return { ...row, revokedMs: revokedMs ?? undefined, vouch: vouch ?? undefined };
}
