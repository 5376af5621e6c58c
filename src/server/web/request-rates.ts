// Limits HTTP requests per network. Each costs little, but one read can bring thousands, and
// everybody else waits until they are answered. Loopback is exempt. Knows addresses, not requests.

import { isLoopback, networksOf } from "../../addresses.ts";
import { BoundedMap } from "../../bounded-map.ts";
import { TokenBucket } from "../../chat/token-bucket.ts";
import { web as limits } from "../../limits.ts";

export class RequestRates {
  /** By address or IPv6 network; /64 in /56 in /48. */
  readonly #buckets = new BoundedMap<string, TokenBucket>(limits.requestNetworks);

  /**
   * Counts a request as `cost` of them; returns 0 if it is allowed, otherwise the milliseconds to
   * wait.
   */
  take(address: string, nowMs: number, cost = 1): number {
    if (isLoopback(address)) return 0;
    const buckets = networksOf(address).map(({ network, share }) => {
      let bucket = this.#buckets.get(network);
      if (bucket === undefined) {
        const [perSecond, burst] = [limits.requestsPerSecond, limits.requestBurst];
        bucket = new TokenBucket(perSecond * share, burst * share, nowMs);
        this.#buckets.set(network, bucket);
      }
      return bucket;
    });
    const waitMs = Math.max(...buckets.map((bucket) => bucket.waitMs(nowMs)));
    if (waitMs > 0) return waitMs;
    for (const bucket of buckets) bucket.take(cost, nowMs);
    return 0;
  }

  /** Number of networks tracked. */
  get size(): number {
    return this.#buckets.size;
  }
}
