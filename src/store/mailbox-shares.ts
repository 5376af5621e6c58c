// Which messages a full mailbox loses: the oldest of the network that fills most of it, so that a
// flood can't displace what others wrote, however many names it uses. People who own their names
// count separately. Copies of what its owner has sent are kept in addition, as many again. Shared
// by all stores. Pure.

import { widestNetworkOf } from "../addresses.ts";
import { accounts as limits } from "../limits.ts";
import { isOfAccounts } from "../share-owner.ts";

export type MailboxEntry = {
  readonly mail: number;
  /** The sender's `mailNetworkOf`; empty if unknown (stored by an earlier version). */
  readonly network: string;
  /** The sender's name. */
  readonly from: string;
};

/**
 * Whether a mailbox that keeps `max` messages is trimmed when message `mail` arrives. It is trimmed
 * once per eighth of `max`, because trimming reads the whole mailbox.
 */
export function isTrimDue(mail: number, max: number): boolean {
  return mail % Math.max(1, max >> 3) === 0;
}

/** Copies are numbered upwards from the number after this one, received messages from 1. */
export const beforeCopies = -(2 ** 52);

/**
 * The number up to which copies are deleted so that `max` remain when copy `mail` is added;
 * undefined if the mailbox is not trimmed now.
 */
export function surplusCopies(mail: number, max: number): number | undefined {
  const made = mail - beforeCopies;
  return made > max && isTrimDue(made, max) ? mail - max : undefined;
}

/**
 * Numbers of the messages to delete so that `max` remain. `entries` is a mailbox in ascending
 * order. The widest network with the most messages loses one (an IPv6 /48, so that using more /64s
 * gains nothing); within it the /64 with the most, and within that the name. The accounts of a
 * network count as a separate network, with a weight of their number up to `sharesPerNetwork`.
 */
export function surplusMail(entries: readonly MailboxEntry[], max: number): number[] {
  if (entries.length <= max) return [];
  const all = new Share();
  for (const { mail, network, from } of entries) {
    const wide = widestNetworkOf(network);
    if (isOfAccounts(network)) all.add(mail, [wide, from]);
    else all.add(mail, [wide, network, from]);
  }
  return Array.from({ length: entries.length - max }, () => all.takeOldest());
}

/** How many owners a network counts for if `senders` of its names have written. */
export function ownersAt(network: string, senders: number): number {
  return isOfAccounts(network) ? Math.max(1, Math.min(limits.sharesPerNetwork, senders)) : 1;
}

/** Messages kept, grouped by network and by name within it. */
class Share {
  kept = 0;
  /** Messages of this share itself, ascending; empty if it is divided. */
  readonly #mail: number[] = [];
  readonly #parts = new Map<string, Share>();
  #taken = 0;

  add(mail: number, [key, ...rest]: readonly string[]): void {
    this.kept++;
    if (key === undefined) return void this.#mail.push(mail);
    let part = this.#parts.get(key);
    if (part === undefined) this.#parts.set(key, (part = new Share()));
    part.add(mail, rest);
  }

  /**
   * Removes the oldest message of the largest part; among equal parts, the oldest message of all.
   */
  takeOldest(): number {
    this.kept--;
    let largest: Share | undefined;
    let most = 0;
    for (const [key, part] of this.#parts) {
      const each = part.kept / ownersAt(key, part.#parts.size);
      const isOlder = each === most && largest !== undefined && part.oldest < largest.oldest;
      if (each <= most && !isOlder) continue;
      largest = part;
      most = each;
    }
    return largest?.takeOldest() ?? this.#mail[this.#taken++]!;
  }

  /** The lowest message number in this share. */
  get oldest(): number {
    let oldest = this.#mail[this.#taken] ?? Infinity;
    for (const part of this.#parts.values()) oldest = Math.min(oldest, part.oldest);
    return oldest;
  }
}
