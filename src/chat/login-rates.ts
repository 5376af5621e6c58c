// How fast people may come from one address: everybody is told of each who comes and goes. Whoever is on this machine may come as
// fast as they like. Pure.

import { connections as limits } from "../limits.ts";
import { TokenBucket } from "./token-bucket.ts";

export class LoginRates {
  /** The address that was heard of longest ago is the first. */
  readonly #buckets = new Map<string, TokenBucket>();

  /** Counts one who comes; else answers after how many milliseconds one may come from there, over 0. */
  take(address: string, nowMs: number): number {
    if (isLoopback(address)) return 0;
    let bucket = this.#buckets.get(address);
    bucket ??= new TokenBucket(limits.loginsPerSecond, limits.loginBurst, nowMs);
    this.#buckets.delete(address);
    this.#buckets.set(address, bucket);
    if (this.#buckets.size > limits.loginAddresses) this.#forgetFirst();
    return bucket.take(1, nowMs) ? 0 : bucket.waitMs(nowMs);
  }

  /** How many addresses are known. */
  get size(): number {
    return this.#buckets.size;
  }

  #forgetFirst(): void {
    for (const address of this.#buckets.keys()) {
      this.#buckets.delete(address);
      return;
    }
  }
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}
