// Limits transfers, in total and per share owner. An idle transfer loses its slot only when another
// one needs it: a paused reader does no harm while there is room.

import { ParleyError } from "../../errors.ts";
import { files as limits } from "../../limits.ts";
import { ShareCounts } from "../../share-counts.ts";
import type { ShareOwner } from "../../share-owner.ts";

export interface SlotHolder {
  /** When it last sent something, in milliseconds of the caller's clock. */
  readonly usedAtMs: number;
  /** Gives up its slot immediately, by calling `remove`. */
  giveWay(): void;
}

export class TransferSlots<Holder extends SlotHolder> {
  /** The holders of slots with their owners. */
  readonly #holders = new Map<Holder, ShareOwner>();
  readonly #owners = new ShareCounts(limits.maxTransfersPerAddress, limits.maxTransfers / 3);
  readonly #idleMs: number;

  /** `idleMs`: a slot may be taken from its holder after it has been idle this long. */
  constructor(idleMs: number = limits.idleMs) {
    this.#idleMs = idleMs;
  }

  get size(): number {
    return this.#holders.size;
  }

  [Symbol.iterator](): Iterator<Holder> {
    return this.#holders.keys();
  }

  /** @throws ParleyError `full` */
  add(holder: Holder, owner: ShareOwner, nowMs: number): void {
    const over = this.#owners.full(owner);
    if (over !== undefined) this.#makeRoom(nowMs, over.key);
    if (this.size >= limits.maxTransfers) this.#makeRoom(nowMs);
    if (this.size >= limits.maxTransfers) {
      const sentence = `The server is already sending ${limits.maxTransfers} files: try again later.`;
      throw new ParleyError("full", sentence);
    }
    const full = this.#owners.full(owner);
    if (full !== undefined) {
      const sentence = `${full.label} is already fetching ${full.count} files: try again later.`;
      throw new ParleyError("full", sentence);
    }
    this.#owners.add(owner);
    this.#holders.set(holder, owner);
  }

  remove(holder: Holder): void {
    const owner = this.#holders.get(holder);
    if (owner === undefined) return;
    this.#holders.delete(holder);
    this.#owners.remove(owner);
  }

  /**
   * Frees the slot that has been idle longest, of this owner or in total, if it has been idle long
   * enough.
   */
  #makeRoom(nowMs: number, of?: string): void {
    let oldest: Holder | undefined;
    for (const [holder, { shares }] of this.#holders) {
      if (of !== undefined && !shares.some(({ key }) => key === of)) continue;
      if (oldest === undefined || holder.usedAtMs < oldest.usedAtMs) oldest = holder;
    }
    if (oldest !== undefined && nowMs - oldest.usedAtMs >= this.#idleMs) oldest.giveWay();
  }
}
