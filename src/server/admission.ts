// Which connections are admitted: limited per address (or IPv6 network), in total, and by free
// descriptors.

import { isLoopback, networkOf } from "../addresses.ts";
import { connections as limits } from "../limits.ts";
import type { Descriptors } from "./descriptors.ts";

/** Counts connections over all ports. Loopback is exempt from the limit per address. */
export class Admission {
  #perNetwork = new Map<string, number>();
  #total = 0;

  /** `maxPerAddress` 0: no limit per address. */
  constructor(
    readonly maxPerAddress: number,
    readonly descriptors?: Descriptors,
  ) {}

  /** Undefined if the connection is admitted; otherwise the refusal. */
  enter(address: string): string | undefined {
    this.descriptors?.noteAccepted();
    if (this.#total >= limits.maxTotal || this.descriptors?.areScarce === true) {
      return "The server is full: try again later";
    }
    const here = this.count(address);
    if (here >= this.limitFor(address)) {
      return `${networkOf(address)} already has ${here} connections: close one first`;
    }
    this.#total++;
    this.#perNetwork.set(networkOf(address), here + 1);
    return undefined;
  }

  /** Number of admitted connections, of one address or in total. */
  count(address?: string): number {
    return address === undefined ? this.#total : (this.#perNetwork.get(networkOf(address)) ?? 0);
  }

  /** The limit for one address. */
  limitFor(address: string): number {
    const isFree = this.maxPerAddress === 0 || isLoopback(address);
    return isFree ? Number.POSITIVE_INFINITY : this.maxPerAddress;
  }

  leave(address: string): void {
    this.#total--;
    const here = this.count(address) - 1;
    if (here <= 0) this.#perNetwork.delete(networkOf(address));
    else this.#perNetwork.set(networkOf(address), here);
  }
}
