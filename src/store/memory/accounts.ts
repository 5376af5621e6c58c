// Accounts in memory, for a server without persistent storage and for tests.

import { addedKey, judge, type Taken } from "../../chat/accounts/account-rules.ts";
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
    const before = this.#accounts.get(change.account);
    const ruling = judge(change, before, this.#taken(change));
    if (ruling !== "carry-out" && ruling !== "nothing") return { done: false, why: ruling };
    if (ruling === "carry-out") this.#carryOut(change, before);
    const account = change.type === "delete" ? before : this.#accounts.get(change.account);
    if (account === undefined) return { done: false, why: "missing" };
    return { done: true, account: accountOf(account) };
  }

  #taken(change: AccountChange): Taken {
    const key = addedKey(change);
    return {
      name: change.type === "register" && this.#find({ name: change.folded }) !== undefined,
      key: key !== undefined && this.#find({ key }) !== undefined,
      accounts: this.#accounts.size,
    };
  }

  #carryOut(change: AccountChange, before: Kept | undefined): void {
    if (before !== undefined) this.#forget(before);
    if (change.type === "register") return this.#keep(newAccount(change));
    if (before === undefined || change.type === "delete") return;
    applyTo(before, change);
    this.#keep(before);
  }

  #keep(account: Kept): void {
    this.#accounts.set(account.id, account);
    for (const entry of indexOf(account)) this.#index.set(entry, account.id);
  }

  #forget(account: Kept): void {
    this.#accounts.delete(account.id);
    for (const entry of indexOf(account)) this.#index.delete(entry);
  }

  #find(lookup: AccountLookup): Kept | undefined {
    const [[kind = "", value = ""] = []] = Object.entries(lookup);
    const id = kind === "id" ? value : this.#index.get(`${kind} ${value}`);
    return id === undefined ? undefined : this.#accounts.get(id);
  }
}

function newAccount({
  account: id,
  name,
  folded,
  key,
  password,
  atMs,
}: Extract<AccountChange, { type: "register" }>): Kept {
  const keys = key === undefined ? [] : [newKey(key.key, key.label, atMs)];
  return { id, name, folded, password, mail: 0, keys, tokens: [] };
}

function applyTo(
  account: Kept,
  change: Exclude<AccountChange, { type: "register" | "delete" }>,
): void {
  const { keys, tokens } = account;
  switch (change.type) {
    case "add-key":
      return addKey(account, change);
    case "revoke-key":
      return changeKey(keys, change.key, (key) => ({ ...key, revokedMs: change.atMs }));
    case "vouch":
      return changeKey(keys, change.key, (key) => ({ ...key, vouch: change.vouch }));
    case "set-password":
      account.password = change.password;
      tokens.length = 0;
      return;
    case "add-token":
      if (!tokens.includes(change.token)) tokens.push(change.token);
      if (tokens.length > limits.maxTokens) tokens.shift();
      return;
    case "remove-token":
      account.tokens = tokens.filter((token) => token !== change.token);
      return;
    case "used":
      if (change.key === undefined) {
        account.mail = Math.max(account.mail, change.mail);
        return;
      }
      return changeKey(keys, change.key, (key) => ({
        ...key,
        usedMs: Math.max(key.usedMs, change.atMs),
        mail: Math.max(key.mail, change.mail),
      }));
  }
}

function addKey(
  account: Kept,
  { key, label, atMs }: Extract<AccountChange, { type: "add-key" }>,
): void {
  const others = account.keys.filter((other) => other.key !== key);
  // Beyond the bound, the key that was revoked first is forgotten.
  if (others.length >= limits.maxKnownKeys) others.splice(oldestRevoked(others), 1);
  account.keys = [...others, newKey(key, label, atMs)];
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

function changeKey(keys: DeviceKey[], key: string, change: (key: DeviceKey) => DeviceKey): void {
  const index = keys.findIndex((one) => one.key === key);
  const found = keys[index];
  if (found !== undefined) keys[index] = change(found);
}

function oldestRevoked(keys: readonly DeviceKey[]): number {
  const times = keys.map(({ revokedMs }) => revokedMs ?? Infinity);
  return times.indexOf(Math.min(...times));
}

function accountOf({ id, name, folded, password, mail, keys }: Kept): Account {
  return { id, name, folded, password, mail, keys: [...keys] };
}
