// Which connections are admitted: limited per share owner, in total, and by free file descriptors.

import { openingRate } from "../chat/rates/opening-rate.ts";
import { steadyMs } from "../io/clock.ts";
import { connections as limits } from "../limits.ts";
import { ShareCounts } from "../share-counts.ts";
import { ownerAt, type ShareOwner } from "../share-owner.ts";
import type { Descriptors } from "./descriptors.ts";

/** Counts connections on all ports. Loopback is exempt from the limit per network. */
export class Admission {
  readonly #owners: ShareCounts;
  readonly #opened = openingRate();
  #total = 0;

  /** `maxPerAddress` 0: no limit per network. */
  constructor(
    readonly maxPerAddress: number,
    readonly descriptors?: Descriptors,
  ) {
    const max = maxPerAddress === 0 ? Number.POSITIVE_INFINITY : maxPerAddress;
    this.#owners = new ShareCounts(max, limits.maxTotal / 3);
  }

  /** Undefined if the connection is admitted; otherwise the refusal. */
  enter(address: string): string | undefined {
    this.descriptors?.noteAccepted();
    if (this.#total >= limits.maxTotal || this.descriptors?.areScarce === true) {
      return "The server is full: try again later";
    }
    const owner = ownerAt(address);
    const full = this.#owners.full(owner);
    if (full !== undefined) {
      return `${full.label} already has ${full.count} connections: close one first`;
    }
    const waitMs = this.maxPerAddress === 0 ? 0 : this.#opened.take(owner, steadyMs());
    if (waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1000);
      return `Too many connections from ${address}: try again in ${seconds} s`;
    }
    this.#total++;
    this.#owners.add(owner);
    return undefined;
  }

  get total(): number {
    return this.#total;
  }

  leave(owner: ShareOwner): void {
    this.#total--;
    this.#owners.remove(owner);
  }

  /**
   * Somebody has authenticated with an account: their connection no longer counts for their
   * network, unless the account has used up its own share. Returns the owner that the connection
   * now counts for.
   */
  move(from: ShareOwner, to: ShareOwner): ShareOwner {
    this.#owners.remove(from);
    const owner = this.#owners.full(to) === undefined ? to : from;
    this.#owners.add(owner);
    return owner;
  }

  /**
   * Among connections that are not counted here, those that exceed the limits of their networks;
   * later ones exceed them first.
   */
  excess<Connection extends { readonly address: string }>(
    others: readonly Connection[],
  ): Connection[] {
    const counted: ShareOwner[] = [];
    const excess: Connection[] = [];
    for (const other of others) {
      const owner = ownerAt(other.address);
      if (this.#owners.full(owner) !== undefined) excess.push(other);
      else {
        this.#owners.add(owner);
        counted.push(owner);
      }
    }
    for (const owner of counted) this.#owners.remove(owner);
    return excess;
  }
}
