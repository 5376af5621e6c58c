// Counts what each network has of something limited, such as connections. IPv6 networks nest: a /64
// counts in its /56 and its /48, which may have several times as much. Loopback is exempt: proxies
// there speak for many. Pure.

import { isLoopback, networksOf } from "./addresses.ts";

export class NetworkCounts {
  readonly #counts = new Map<string, number>();
  readonly #max: number;
  readonly #maxWide: number;

  /** A network may have `max`, and a larger IPv6 network its share of them, but at most `maxWide`. */
  constructor(max: number, maxWide: number) {
    this.#max = max;
    this.#maxWide = Math.max(max, maxWide);
  }

  /** The smallest network of this address that may not have `more`; undefined: they fit. */
  full(address: string, more = 1): { network: string; count: number } | undefined {
    if (isLoopback(address)) return undefined;
    for (const { network, share } of networksOf(address)) {
      const count = this.#of(network);
      if (count + more > Math.min(share * this.#max, this.#maxWide)) return { network, count };
    }
    return undefined;
  }

  add(address: string, more = 1): void {
    for (const { network } of networksOf(address)) {
      this.#counts.set(network, this.#of(network) + more);
    }
  }

  remove(address: string, fewer = 1): void {
    for (const { network } of networksOf(address)) {
      const left = this.#of(network) - fewer;
      if (left > 0) this.#counts.set(network, left);
      else this.#counts.delete(network);
    }
  }

  /** Number of networks tracked. */
  get size(): number {
    return this.#counts.size;
  }

  #of(network: string): number {
    return this.#counts.get(network) ?? 0;
  }
}
