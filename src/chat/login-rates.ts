// Limits logins per address, because each is announced to everybody. Loopback is exempt. Pure.

import { connections as limits } from "../limits.ts";
import { isLoopback, networkOf } from "../addresses.ts";
import { TokenBucket } from "./token-bucket.ts";

export class LoginRates {
  /** By address, or IPv6 network; least recently used first. */
  readonly #buckets = new Map<string, TokenBucket>();

  /** Counts a login; returns 0 if it is allowed, otherwise the milliseconds to wait. */
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

  /** Number of networks tracked. */
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
