// Who may connect: so many of one address, or of one network of IPv6, so many in all, and only while there are descriptors.

import { isLoopback, networkOf } from "../addresses.ts";
import { connections as limits } from "../limits.ts";
import type { Descriptors } from "./descriptors.ts";

/** Counts connections, over all ports. Loopback is exempt from the bound on one address, or on one network of IPv6. */
export class Admission {
  #perNetwork = new Map<string, number>();
  #total = 0;

  /** `maxPerAddress` 0 is no bound on one address. */
  constructor(
    readonly maxPerAddress: number,
    readonly descriptors?: Descriptors,
  ) {}

  /** Undefined if the connection may come; else the sentence for it. */
  enter(address: string): string | undefined {
    this.descriptors?.took();
    if (this.#total >= limits.maxTotal || this.descriptors?.areScarce === true) {
      return "The server is full: try again later";
    }
    const here = this.counted(address);
    if (here >= this.bound(address)) {
      return `There are ${here} connections from ${networkOf(address)} already: close one first`;
    }
    this.#total++;
    this.#perNetwork.set(networkOf(address), here + 1);
    return undefined;
  }

  /** How many are in, of one address or of all. */
  counted(address?: string): number {
    return address === undefined ? this.#total : (this.#perNetwork.get(networkOf(address)) ?? 0);
  }

  /** How many one address may have. */
  bound(address: string): number {
    const isFree = this.maxPerAddress === 0 || isLoopback(address);
    return isFree ? Number.POSITIVE_INFINITY : this.maxPerAddress;
  }

  leave(address: string): void {
    this.#total--;
    const here = this.counted(address) - 1;
    if (here <= 0) this.#perNetwork.delete(networkOf(address));
    else this.#perNetwork.set(networkOf(address), here);
  }
}
