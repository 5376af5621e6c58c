// Token buckets by network. IPv6 networks nest: what a /64 takes is also taken from its /56 and its
// /48, whose buckets are larger. Loopback is exempt, since proxies there speak for many, unless what
// is limited is worse than that. Pure.

import { isLoopback, networksOf } from "../addresses.ts";
import { BoundedMap } from "../bounded-map.ts";
import { TokenBucket } from "./token-bucket.ts";

export type NetworkRate = { perSecond: number; burst: number };

export class NetworkBuckets {
  readonly #buckets: BoundedMap<string, TokenBucket>;
  readonly #rate: NetworkRate;

  readonly #exemptsLoopback: boolean;

  /** `rate`: of the smallest network. Past `maxBuckets` the least recently used is forgotten. */
  constructor(rate: NetworkRate, maxBuckets: number, exemptsLoopback = true) {
    this.#rate = rate;
    this.#exemptsLoopback = exemptsLoopback;
    this.#buckets = new BoundedMap(maxBuckets);
  }

  /**
   * Takes `units`; returns 0 if they were taken, otherwise the milliseconds to wait. `subject`:
   * what the limit is about, if each network has one for each of several things.
   */
  take(address: string, nowMs: number, units = 1, subject = ""): number {
    if (this.#exemptsLoopback && isLoopback(address)) return 0;
    const buckets = this.#bucketsOf(address, nowMs, subject);
    const waitMs = longestWait(buckets, nowMs);
    if (waitMs > 0) return waitMs;
    for (const bucket of buckets) bucket.take(units, nowMs);
    return 0;
  }

  /** Milliseconds until something can be taken; 0 if now. */
  waitMs(address: string, nowMs: number): number {
    if (this.#exemptsLoopback && isLoopback(address)) return 0;
    return longestWait(this.#bucketsOf(address, nowMs, ""), nowMs);
  }

  /** Number of buckets. */
  get size(): number {
    return this.#buckets.size;
  }

  #bucketsOf(address: string, nowMs: number, subject: string): TokenBucket[] {
    return networksOf(address).map(({ network, share }) =>
      this.#bucket(`${subject} ${network}`, share, nowMs),
    );
  }

  #bucket(key: string, share: number, nowMs: number): TokenBucket {
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      const { perSecond, burst } = this.#rate;
      bucket = new TokenBucket(perSecond * share, burst * share, nowMs);
      this.#buckets.set(key, bucket);
    }
    return bucket;
  }
}

function longestWait(buckets: readonly TokenBucket[], nowMs: number): number {
  return Math.max(...buckets.map((bucket) => bucket.waitMs(nowMs)));
}
