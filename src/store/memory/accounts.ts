// Accounts in memory, for a server without persistent storage and for tests.

import type {
  Account,
  AccountChange,
  AccountLookup,
  AccountOutcome,
  Accounts,
  DeviceKey,
} from "../../chat/accounts/account-store.ts";
import { accounts as limits } from "../../limits.ts";

type Kept = Omit<Account, "keys" | "mail" | "password"> & {
  mail: number;
  password: string | undefined;
  keys: DeviceKey[];
  /** Hashes of session tokens, oldest first. */
  tokens: string[];
};

export class MemoryAccounts implements Accounts {
  readonly #accounts = new Map<string, Kept>();
  /** IDs by `name …`, `key …` (unless revoked) and `token …`. */
  readonly #index = new Map<string, string>();

  find(lookup: AccountLookup): Account | undefined {
    const found = this.#find(lookup);
    return found === undefined ? undefined : accountOf(found);
  }

  change(change: AccountChange): AccountOutcome {
    const known = this.#accounts.get(change.account);
    if (change.type === "register") return this.#register(change, known);
    if (known === undefined) return { done: false, why: "missing" };
    for (const entry of indexOf(known)) this.#index.delete(entry);
    const why = this.#apply(change, known);
    if (change.type !== "delete") this.#keep(known);
    return why === undefined ? { done: true, account: accountOf(known) } : { done: false, why };
  }

  #find(lookup: AccountLookup): Kept | undefined {
    const [[kind = "", value = ""] = []] = Object.entries(lookup);
    const id = kind === "id" ? value : this.#index.get(`${kind} ${value}`);
    return id === undefined ? undefined : this.#accounts.get(id);
  }

  #keep(account: Kept): void {
    this.#accounts.set(account.id, account);
    for (const entry of indexOf(account)) this.#index.set(entry, account.id);
  }

  #register(
    change: Extract<AccountChange, { type: "register" }>,
    known: Kept | undefined,
  ): AccountOutcome {
    const { account: id, name, folded, key, password, atMs } = change;
    if (known?.folded === folded) return { done: true, account: accountOf(known) };
    if (known !== undefined) return { done: false, why: "name" };
    if (this.#find({ name: folded }) !== undefined) return { done: false, why: "name" };
    if (key !== undefined && this.#find({ key: key.key }) !== undefined) {
      return { done: false, why: "key" };
    }
    if (this.#accounts.size >= limits.maxAccounts) return { done: false, why: "full" };
    const keys = key === undefined ? [] : [newKey(key.key, key.label, atMs)];
    const account = { id, name, folded, password, mail: 0, keys, tokens: [] };
    this.#keep(account);
    return { done: true, account: accountOf(account) };
  }

  #apply(
    change: Exclude<AccountChange, { type: "register" }>,
    account: Kept,
  ): "key" | "full" | "missing" | undefined {
    const { keys, tokens } = account;
    switch (change.type) {
      case "add-key":
        return this.#addKey(account, change);
      case "revoke-key":
        replaceKey(keys, change.key, (key) => ({ ...key, revokedMs: change.atMs }));
        return keys.some(({ key }) => key === change.key) ? undefined : "missing";
      case "vouch":
        return replaceKey(keys, change.key, (key) => ({ ...key, vouch: change.vouch }));
      case "set-password":
        account.password = change.password;
        account.tokens.length = 0;
        return undefined;
      case "add-token":
        if (account.password !== change.password) return "missing";
        if (!tokens.includes(change.token)) tokens.push(change.token);
        if (tokens.length > limits.maxTokens) tokens.shift();
        return undefined;
      case "remove-token":
        account.tokens = tokens.filter((token) => token !== change.token);
        return undefined;
      case "used":
        if (change.key === undefined) {
          account.mail = Math.max(account.mail, change.mail);
          return undefined;
        }
        return replaceKey(keys, change.key, (key) => ({
          ...key,
          usedMs: Math.max(key.usedMs, change.atMs),
          mail: Math.max(key.mail, change.mail),
        }));
      case "delete":
        this.#accounts.delete(account.id);
        return undefined;
    }
  }

  #addKey(
    account: Kept,
    { key, label, atMs }: Extract<AccountChange, { type: "add-key" }>,
  ): "key" | "full" | undefined {
    const active = account.keys.filter(({ revokedMs }) => revokedMs === undefined);
    if (active.some((one) => one.key === key)) return undefined;
    if (this.#find({ key }) !== undefined) return "key";
    if (active.length >= limits.maxKeys) return "full";
    const others = account.keys.filter((other) => other.key !== key);
    // Beyond the bound, the key that was revoked first is forgotten.
    if (others.length >= limits.maxKnownKeys) others.splice(oldestRevoked(others), 1);
    account.keys = [...others, newKey(key, label, atMs)];
    return undefined;
  }
}

function newKey(key: string, label: string, atMs: number): DeviceKey {
  return {
    key,
    label,
    addedMs: atMs,
    usedMs: atMs,
    revokedMs: undefined,
    mail: 0,
    vouch: undefined,
  };
}

function indexOf({ folded, keys, tokens }: Kept): string[] {
  const active = keys.filter(({ revokedMs }) => revokedMs === undefined);
  return [
    `name ${folded}`,
    ...active.map(({ key }) => `key ${key}`),
    ...tokens.map((token) => `token ${token}`),
  ];
}

function replaceKey(
  keys: DeviceKey[],
  key: string,
  change: (key: DeviceKey) => DeviceKey,
): "missing" | undefined {
  const index = keys.findIndex((one) => one.key === key && one.revokedMs === undefined);
  const found = keys[index];
  if (found === undefined) return "missing";
  keys[index] = change(found);
  return undefined;
}

function oldestRevoked(keys: readonly DeviceKey[]): number {
  const times = keys.map(({ revokedMs }) => revokedMs ?? Infinity);
  return times.indexOf(Math.min(...times));
}

function accountOf({ id, name, folded, password, mail, keys }: Kept): Account {
  return { id, name, folded, password, mail, keys: [...keys] };
}
