// Limits share owners to their part of the history: of each room, and of all rooms together. Pure.

import { BoundedMap } from "../../bounded-map.ts";
import { history as limits } from "../../limits.ts";
import type { ShareOwner } from "../../share-owner.ts";
import { PastShare, type PastSize } from "./past-share.ts";

/** How much the store keeps of one room, and of all. */
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

  /** Milliseconds until the owner may send more to the room; 0 if now. */
  waitMs(room: string, owner: ShareOwner, nowMs: number): number {
    if (this.#all === undefined) return 0;
    const waitMs = this.#rooms.get(room)?.waitMs(owner, nowMs) ?? 0;
    return Math.max(waitMs, this.#all.waitMs(owner, nowMs));
  }

  /** The room is opened, with `messages` in its log. */
  open(room: string, messages: number): void {
    if (this.#sizes === undefined || this.#rooms.has(room)) return;
    this.#rooms.set(room, new PastShare(this.#sizes.room, messages));
  }

  /** `text` is sent to the room. */
  add(room: string, owner: ShareOwner, text: string, nowMs: number): void {
    if (this.#sizes === undefined) return;
    let past = this.#rooms.get(room);
    if (past === undefined) this.#rooms.set(room, (past = new PastShare(this.#sizes.room)));
    past.add(owner, text, nowMs);
    this.#all?.add(owner, text, nowMs);
  }
}
