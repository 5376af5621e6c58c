// How many messages one share owner may leave in the mailbox of an absent person. Messages beyond
// that are refused, so that a flood is stopped before it costs anybody a message. Pure.

import { networkOf } from "../../addresses.ts";
import { history as limits } from "../../limits.ts";
import { ShareBuckets } from "../rates/share-buckets.ts";
import { accountsAt, type ShareOwner } from "../../share-owner.ts";
import type { Session } from "../session.ts";

/**
 * The key under which a session's messages share a mailbox with others: its network, or the
 * accounts of its network, which are distinguished by name.
 */
export function mailNetworkOf({ identity, peer }: Session): string {
  const network = networkOf(peer.address);
  return identity.account === "" ? network : accountsAt(network);
}

export class AbsentMail {
  readonly #buckets = new ShareBuckets(
    {
      perSecond: limits.absentMailMessages / (limits.mailHoldMs / 1000),
      burst: limits.absentMailMessages,
      maxTimes: limits.absentMailMaxTimes,
    },
    limits.absentMailOwners,
  );

  /** Counts a message to the absent session `recordId`; false if `owner` has left too many. */
  take(recordId: string, owner: ShareOwner, nowMs: number): boolean {
    return this.#buckets.take(owner, nowMs, 1, recordId) === 0;
  }
}
