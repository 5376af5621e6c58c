// Holds networks to their part of what rooms remember: of each room, and of all together. Loopback
// is exempt: proxies there speak for many. Pure.

import { isLoopback, widestNetworkOf } from "../addresses.ts";
import { BoundedMap } from "../bounded-map.ts";
import { history as limits } from "../limits.ts";
import { PastShare, type PastSize } from "./past-share.ts";

/** What the store keeps of one room, and of all. */
export type PastSizes = { room: PastSize; all: PastSize };

export class PastLimits {
  readonly #sizes: PastSizes | undefined;
  readonly #rooms = new BoundedMap<string, PastShare>(limits.pastRooms);
  readonly #all: PastShare | undefined;

  /** Undefined: no limits. */
  constructor(sizes: PastSizes | undefined) {
    this.#sizes = sizes;
    this.#all = sizes === undefined ? undefined : new PastShare(sizes.all);
  }

  /** Milliseconds until somebody at `address` may say more in the room; 0 if now. */
  waitMs(room: string, address: string, nowMs: number): number {
    if (this.#all === undefined || isLoopback(address)) return 0;
    const network = widestNetworkOf(address);
    const waitMs = this.#rooms.get(room)?.waitMs(network, nowMs) ?? 0;
    return Math.max(waitMs, this.#all.waitMs(network, nowMs));
  }

  /** The room is opened, with `messages` in its log. */
  open(room: string, messages: number): void {
    if (this.#sizes === undefined || this.#rooms.has(room)) return;
    this.#rooms.set(room, new PastShare(this.#sizes.room, messages));
  }

  /** `text` is said in the room. */
  add(room: string, address: string, text: string, nowMs: number): void {
    if (this.#sizes === undefined) return;
    const network = widestNetworkOf(address);
    let past = this.#rooms.get(room);
    if (past === undefined) this.#rooms.set(room, (past = new PastShare(this.#sizes.room)));
    past.add(network, text, nowMs);
    this.#all?.add(network, text, nowMs);
  }
}
