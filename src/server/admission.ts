// Which connections are admitted: limited per network, in total, and by free descriptors.

import { NetworkBuckets } from "../chat/network-buckets.ts";
import { steadyMs } from "../io/clock.ts";
import { connections as limits } from "../limits.ts";
import { NetworkCounts } from "../network-counts.ts";
import type { Descriptors } from "./descriptors.ts";

/** Counts connections over all ports. Loopback is exempt from the limit per network. */
export class Admission {
  readonly #networks: NetworkCounts;
  readonly #opened = new NetworkBuckets(
    { perSecond: limits.openedPerSecond, burst: limits.openedAtOnce },
    limits.loginAddresses,
  );
  #total = 0;

  /** `maxPerAddress` 0: no limit per network. */
  constructor(
    readonly maxPerAddress: number,
    readonly descriptors?: Descriptors,
  ) {
    const max = maxPerAddress === 0 ? Number.POSITIVE_INFINITY : maxPerAddress;
    this.#networks = new NetworkCounts(max, limits.maxTotal / 2);
  }

  /** Undefined if the connection is admitted; otherwise the refusal. */
  enter(address: string): string | undefined {
    this.descriptors?.noteAccepted();
    if (this.#total >= limits.maxTotal || this.descriptors?.areScarce === true) {
      return "The server is full: try again later";
    }
    const full = this.#networks.full(address);
    if (full !== undefined) {
      return `${full.network} already has ${full.count} connections: close one first`;
    }
    const waitMs = this.maxPerAddress === 0 ? 0 : this.#opened.take(address, steadyMs());
    if (waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1000);
      return `Too many connections from ${address}: try again in ${seconds} s`;
    }
    this.#total++;
    this.#networks.add(address);
    return undefined;
  }

  get total(): number {
    return this.#total;
  }

  leave(address: string): void {
    this.#total--;
    this.#networks.remove(address);
  }

  /**
   * Of more connections that this class does not know, those that go beyond what their networks may
   * have. Later ones are found first to be too many.
   */
  excess<Connection extends { readonly address: string }>(
    others: readonly Connection[],
  ): Connection[] {
    const counted: Connection[] = [];
    const excess: Connection[] = [];
    for (const other of others) {
      if (this.#networks.full(other.address) !== undefined) excess.push(other);
      else {
        this.#networks.add(other.address);
        counted.push(other);
      }
    }
    for (const { address } of counted) this.#networks.remove(address);
    return excess;
  }
}
