// Which changes of an account are possible. The same for all stores, which look up what the rules
// need and carry out what they allow. Pure.

import { accounts as limits } from "../../limits.ts";
import type { Account, AccountChange, AccountOutcome } from "./account-store.ts";

/** Why a change is refused (`AccountOutcome`). */
export type AccountProblem = Extract<AccountOutcome, { done: false }>["why"];

/**
 * What becomes of a change: it is carried out, or refused; or there is nothing to do, since it has
 * been carried out before.
 */
export type Ruling = "carry-out" | "nothing" | AccountProblem;

/** Whether an account has already what the change would add; false if it adds no such thing. */
export type Taken = {
  readonly name: boolean;
  /** Unless it is revoked there. */
  readonly key: boolean;
  /** The number of accounts. */
  readonly accounts: number;
};

/** The key that the change would add. */
export function addedKey(change: AccountChange): string | undefined {
  if (change.type === "register") return change.key?.key;
  return change.type === "add-key" ? change.key : undefined;
}

/** How many keys the account has besides this one, including revoked ones. */
export function otherKeys(account: Account | undefined, key: string): number {
  return account?.keys.filter((one) => one.key !== key).length ?? 0;
}

/** `account`: as it is; undefined: there is none with that ID. */
export function judge(change: AccountChange, account: Account | undefined, taken: Taken): Ruling {
  if (change.type === "register") {
    if (account !== undefined) return account.folded === change.folded ? "nothing" : "name";
    if (taken.name) return "name";
    if (taken.key) return "key";
    return taken.accounts >= limits.maxAccounts ? "full" : "carry-out";
  }
  if (account === undefined) return "missing";
  switch (change.type) {
    case "add-key":
      if (isActive(account, change.key)) return "nothing";
      if (taken.key) return "key";
      return activeKeys(account).length >= limits.maxKeys ? "full" : "carry-out";
    case "revoke-key":
      if (isActive(account, change.key)) return isLastProof(account) ? "last" : "carry-out";
      return account.keys.some(({ key }) => key === change.key) ? "nothing" : "missing";
    case "vouch":
      return isActive(account, change.key) ? "carry-out" : "missing";
    case "used":
      return change.key === undefined || isActive(account, change.key) ? "carry-out" : "missing";
    case "add-token":
      return account.password === change.password ? "carry-out" : "missing";
    case "set-password":
      if (change.password !== undefined || activeKeys(account).length > 0) return "carry-out";
      return "last";
    case "remove-token":
    case "delete":
      return "carry-out";
  }
}

/** Whether its only active key is all that proves it. */
function isLastProof(account: Account): boolean {
  return account.password === undefined && activeKeys(account).length === 1;
}

function activeKeys({ keys }: Account): Account["keys"] {
  return keys.filter(({ revokedMs }) => revokedMs === undefined);
}

function isActive(account: Account, key: string): boolean {
  return activeKeys(account).some((one) => one.key === key);
}
