// Whose part of something limited is used: that of a network or, once people have proved who they
// are, that of their account, wherever its devices connect from. Owners nest, so that many of them
// gain little: an IPv6 /64 counts in its /56 and its /48, and an account among all accounts that
// its network uses. Loopback is exempt, since proxies there speak for many; accounts are not. Pure.

import { isLoopback, networksOf, widestNetworkOf } from "./addresses.ts";
import { accounts as limits } from "./limits.ts";

export type Share = {
  /** A network, an account, or the accounts of a network (`accountsAt`). */
  readonly key: string;
  /** How many single owners it may count for. */
  readonly times: number;
  /** What a refusal calls it. */
  readonly label: string;
};

export type ShareOwner = {
  /** Everybody who pays for what this one uses, smallest first; empty: nobody does. */
  readonly shares: readonly Share[];
  /** The same for what is kept: there an IPv6 /48 is one owner. */
  readonly kept: readonly Share[];
};

/** Who connects from the address, whoever that is. */
export function ownerAt(address: string): ShareOwner {
  return isLoopback(address) ? exempt : strangersAt(address);
}

/** The same where loopback counts as well: behind a proxy there anybody may be guessing. */
export function strangersAt(address: string): ShareOwner {
  const shares = networksOf(address).map(({ network, share }) => ({
    key: network,
    times: share,
    label: network,
  }));
  const { key, label } = shares.at(-1)!;
  return { shares, kept: [{ key, times: 1, label }] };
}

/** The person who owns the account, connected from the address. */
export function ownerOfAccount(account: string, address: string): ShareOwner {
  const own = { key: `account ${account}`, times: 1, label: "Your account" };
  if (isLoopback(address)) return { shares: [own], kept: [own] };
  const network = widestNetworkOf(address);
  const all = { key: accountsAt(network), times: limits.sharesPerNetwork, label: network };
  return { shares: [own, all], kept: [own, all] };
}

/** Stands for all accounts that the network uses. */
export function accountsAt(network: string): string {
  return `${accountsMark}${network}`;
}

/** Whether a key is one of `accountsAt`. */
export function isOfAccounts(key: string): boolean {
  return key.startsWith(accountsMark);
}

/** What keys of `accountsAt` begin with. */
export const accountsMark = "@";
const exempt: ShareOwner = { shares: [], kept: [] };
