// How fast people may come from one address: everybody is told of each who comes and goes. Whoever is on this machine may come as
// fast as they like. Pure.

import { connections as limits } from "../limits.ts";
import { isLoopback, networkOf } from "../addresses.ts";
import { TokenBucket } from "./token-bucket.ts";

export class LoginRates {
  /** By address, or network of IPv6; the one that was heard of longest ago is the first. */
  readonly #buckets = new Map<string, TokenBucket>();

  /** Counts one who comes; else answers after how many milliseconds one may come from there, over 0. */
  take(address: string, nowMs: number): number {
    if (isLoopback(address)) return 0;
    const network = networkOf(address);
    let bucket = this.#buckets.get(network);
    bucket ??= new TokenBucket(limits.loginsPerSecond, limits.loginBurst, nowMs);
    this.#buckets.delete(network);
    this.#buckets.set(network, bucket);
    if (this.#buckets.size > limits.loginAddresses) this.#forgetFirst();
    return bucket.take(1, nowMs) ? 0 : bucket.waitMs(nowMs);
  }

  /** How many addresses are known. */
  get size(): number {
    return this.#buckets.size;
  }

  #forgetFirst(): void {
    for (const network of this.#buckets.keys()) {
      this.#buckets.delete(network);
      return;
    }
  }
}
