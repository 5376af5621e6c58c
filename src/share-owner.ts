// Whose share of a limited resource is used: that of a network or, once people have authenticated,
// that of their account, wherever its devices connect from. Owners nest, so that having many of
// them gains little: an IPv6 /64 counts within its /56 and its /48, and an account counts among all
// accounts that its network uses. Loopback is exempt, since local proxies act for many clients;
// accounts are not. Pure.

import { isLoopback, networksOf, widestNetworkOf } from "./addresses.ts";
import { accounts as limits } from "./limits.ts";

export type Share = {
  /** A network, an account, or the accounts of a network (`accountsAt`). */
  readonly key: string;
  /** How many single owners it may count for. */
  readonly times: number;
  /** Its name in refusals. */
  readonly label: string;
};

export type ShareOwner = {
  /** All shares charged for this owner's usage, smallest first; empty if it is not charged. */
  readonly shares: readonly Share[];
  /** The same for stored data, where an IPv6 /48 counts as one owner. */
  readonly kept: readonly Share[];
};

/** The owner for connections from an address, whoever connects. */
export function ownerAt(address: string): ShareOwner {
  return isLoopback(address) ? exempt : strangersAt(address);
}

/** The same where loopback counts as well: behind a local proxy, anybody may be guessing. */
export function strangersAt(address: string): ShareOwner {
  const shares = networksOf(address).map(({ network, share }) => ({
    key: network,
    times: share,
    label: network,
  }));
  const { key, label } = shares.at(-1)!;
  return { shares, kept: [{ key, times: 1, label }] };
}

/** The owner of an account, connected from the address. */
export function ownerOfAccount(account: string, address: string): ShareOwner {
  const own = { key: `account ${account}`, times: 1, label: "Your account" };
  if (isLoopback(address)) return { shares: [own], kept: [own] };
  const network = widestNetworkOf(address);
  const all = { key: accountsAt(network), times: limits.sharesPerNetwork, label: network };
  return { shares: [own, all], kept: [own, all] };
}

/** The same owner where stored data is counted. */
export function asKept({ kept }: ShareOwner): ShareOwner {
  return { shares: kept, kept };
}

/** The owner of stored data, by the keys of its shares that were stored with it. */
export function ownerOfKept(keys: readonly string[]): ShareOwner {
  const kept = keys.map((key) => ({ key, times: 1, label: key }));
  return { shares: kept, kept };
}

/** The key for all accounts that the network uses. */
export function accountsAt(network: string): string {
  return `${accountsMark}${network}`;
}

/** Whether a key is one of `accountsAt`. */
export function isOfAccounts(key: string): boolean {
  return key.startsWith(accountsMark);
}

/** The prefix of keys made by `accountsAt`. */
export const accountsMark = "@";
const exempt: ShareOwner = { shares: [], kept: [] };
