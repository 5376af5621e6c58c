// How many rooms each network has opened, so that one can't take them all. Loopback is exempt:
// proxies there speak for many. Pure.

import { isLoopback, networksOf } from "../addresses.ts";
import { history as limits } from "../limits.ts";

export class OpenedRooms {
  readonly #counts = new Map<string, number>();

  /** Counts a room opened from this address; false if its network has opened too many. */
  add(address: string): boolean {
    if (isLoopback(address)) return true;
    const networks = networksOf(address);
    const isFull = networks.some(({ network, share }) => this.#of(network) >= most(share));
    if (isFull) return false;
    for (const { network } of networks) this.#counts.set(network, this.#of(network) + 1);
    return true;
  }

  /** That room is closed. */
  remove(address: string): void {
    if (isLoopback(address)) return;
    for (const { network } of networksOf(address)) {
      const left = this.#of(network) - 1;
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

/** Larger IPv6 networks have larger shares, but never all rooms. */
function most(share: number): number {
  return Math.min(share * limits.maxRoomsPerNetwork, limits.maxRooms / 2);
}
