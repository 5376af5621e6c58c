// How much one network may leave in the mailbox of somebody who is away. What is beyond that is
// refused, so that a flood is told so before it costs anybody a message. Loopback is exempt. Pure.

import { isLoopback, networkOf, networksOf } from "../addresses.ts";
import { BoundedMap } from "../bounded-map.ts";
import { history as limits } from "../limits.ts";
import type { Session } from "./session.ts";
import { TokenBucket } from "./token-bucket.ts";

/** The key under which a session's messages share a mailbox with those of others. */
export function mailNetworkOf({ peer }: Session): string {
  return networkOf(peer.address);
}

export class AbsentMail {
  /** By recipient and network. */
  readonly #buckets = new BoundedMap<string, TokenBucket>(limits.absentMailNetworks);

  /** Counts a message to the absent session `recordId`; false if `address` has left too many. */
  take(recordId: string, address: string, nowMs: number): boolean {
    if (isLoopback(address)) return true;
    const buckets = networksOf(address).map(({ network, share }) => {
      const key = `${recordId} ${network}`;
      let bucket = this.#buckets.get(key);
      if (bucket === undefined) {
        const messages = limits.absentMailMessages * share;
        bucket = new TokenBucket(messages / (limits.mailHoldMs / 1000), messages, nowMs);
        this.#buckets.set(key, bucket);
      }
      return bucket;
    });
    if (buckets.some((bucket) => bucket.waitMs(nowMs) > 0)) return false;
    for (const bucket of buckets) bucket.take(1, nowMs);
    return true;
  }
}
