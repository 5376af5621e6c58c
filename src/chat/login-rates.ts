// How fast people may come from one address: everybody is told of each who comes and goes. Whoever is on this machine may come as
// fast as they like. Pure.

import { connections as limits } from "../limits.ts";
import { isLoopback, networkOf } from "../addresses.ts";
import { BoundedMap } from "../bounded-map.ts";
import { TokenBucket } from "./token-bucket.ts";

export class LoginRates {
  /** By address, or network of IPv6. */
  readonly #buckets = new BoundedMap<string, TokenBucket>(limits.loginAddresses);

  /** Counts one who comes; else answers after how many milliseconds one may come from there, over 0. */
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

  /** How many addresses are known. */
  get size(): number {
    return this.#buckets.size;
  }
}
