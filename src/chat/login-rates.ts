// Limits logins per address, because each is announced to everybody. Loopback is exempt. Pure.

import { connections as limits } from "../limits.ts";
import { isLoopback, networkOf } from "../addresses.ts";
import { BoundedMap } from "../bounded-map.ts";
import { TokenBucket } from "./token-bucket.ts";

export class LoginRates {
  /** By address, or IPv6 network. */
  readonly #buckets = new BoundedMap<string, TokenBucket>(limits.loginAddresses);

  /** Counts a login; returns 0 if it is allowed, otherwise the milliseconds to wait. */
  take(address: string, nowMs: number): number {
    if (isLoopback(address)) return 0;
    const network = networkOf(address);
    let bucket = this.#buckets.get(network);
    if (bucket === undefined) {
      bucket = new TokenBucket(limits.loginsPerSecond, limits.loginBurst, nowMs);
      this.#buckets.set(network, bucket);
    }
    return bucket.take(1, nowMs) ? 0 : bucket.waitMs(nowMs);
  }

  /** Number of networks tracked. */
  get size(): number {
    return this.#buckets.size;
  }
}
