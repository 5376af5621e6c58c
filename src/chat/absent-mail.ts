// How much one network may leave in the mailbox of somebody who is away. What is beyond that is
// refused, so that a flood is told so before it costs anybody a message. Pure.

import { networkOf } from "../addresses.ts";
import { history as limits } from "../limits.ts";
import { NetworkBuckets } from "./network-buckets.ts";
import type { Session } from "./session.ts";

/** The key under which a session's messages share a mailbox with those of others. */
export function mailNetworkOf({ peer }: Session): string {
  return networkOf(peer.address);
}

export class AbsentMail {
  readonly #buckets = new NetworkBuckets(
    {
      perSecond: limits.absentMailMessages / (limits.mailHoldMs / 1000),
      burst: limits.absentMailMessages,
    },
    limits.absentMailNetworks,
  );

  /** Counts a message to the absent session `recordId`; false if `address` has left too many. */
  take(recordId: string, address: string, nowMs: number): boolean {
    return this.#buckets.take(address, nowMs, 1, recordId) === 0;
  }
}
