// Token buckets by share owner: what is taken is taken from every bucket that pays for the owner.
// Pure.

import { BoundedMap } from "../../bounded-map.ts";
import type { Share, ShareOwner } from "../../share-owner.ts";
import { TokenBucket } from "./token-bucket.ts";

/** The rate of one owner; `maxTimes`: the most that many owners together may count for. */
export type ShareRate = { perSecond: number; burst: number; maxTimes?: number };

export class ShareBuckets {
  readonly #buckets: BoundedMap<string, TokenBucket>;
  readonly #rate: ShareRate;

  /** Beyond `maxBuckets` the least recently used is evicted. */
  constructor(rate: ShareRate, maxBuckets: number) {
    this.#rate = rate;
    this.#buckets = new BoundedMap(maxBuckets);
  }

  /**
   * Takes `units`; returns 0 if they were taken, otherwise the milliseconds to wait. `subject`:
   * what the limit is about, if each owner has a separate limit for each of several things.
   */
  take(owner: ShareOwner, nowMs: number, units = 1, subject = ""): number {
    const waitMs = this.waitMs(owner, nowMs, subject);
    if (waitMs > 0) return waitMs;
    for (const bucket of this.#bucketsOf(owner, nowMs, subject)) bucket.take(units, nowMs);
    return 0;
  }

  /** Takes `units` unconditionally; the debt must be refilled first. */
  charge(owner: ShareOwner, nowMs: number, units = 1, subject = ""): void {
    for (const bucket of this.#bucketsOf(owner, nowMs, subject)) bucket.charge(units, nowMs);
  }

  /** Returns what was taken needlessly. */
  giveBack(owner: ShareOwner, nowMs: number, units = 1, subject = ""): void {
    for (const bucket of this.#bucketsOf(owner, nowMs, subject)) bucket.giveBack(nowMs, units);
  }

  /** Milliseconds until something can be taken; 0 if now. */
  waitMs({ shares }: ShareOwner, nowMs: number, subject = ""): number {
    let waitMs = 0;
    // A bucket is created only when something is taken from it. Otherwise anybody with many
    // networks could have those of others evicted, by requests that are all refused.
    for (const { key } of shares) {
      const bucket = this.#buckets.get(keyOf(subject, key));
      waitMs = Math.max(waitMs, bucket?.waitMs(nowMs) ?? 0);
    }
    return waitMs;
  }

  /** Number of buckets. */
  get size(): number {
    return this.#buckets.size;
  }

  #bucketsOf({ shares }: ShareOwner, nowMs: number, subject: string): TokenBucket[] {
    return shares.map((share) => this.#bucket(share, subject, nowMs));
  }

  #bucket({ key: owner, times }: Share, subject: string, nowMs: number): TokenBucket {
    const key = keyOf(subject, owner);
    let bucket = this.#buckets.get(key);
    if (bucket === undefined) {
      const { perSecond, burst, maxTimes = times } = this.#rate;
      const counted = Math.min(times, maxTimes);
      bucket = new TokenBucket(perSecond * counted, burst * counted, nowMs);
      this.#buckets.set(key, bucket);
    }
    return bucket;
  }
}

function keyOf(subject: string, owner: string): string {
  return `${subject} ${owner}`;
}
