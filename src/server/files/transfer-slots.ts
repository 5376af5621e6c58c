// Limits transfers, in total and per network. An idle slot is taken away only when somebody else
// needs one: a paused reader harms nobody while there is room.

import { ParleyError } from "../../errors.ts";
import { files as limits } from "../../limits.ts";
import { networksOf } from "../../addresses.ts";
import { NetworkCounts } from "../../network-counts.ts";

export interface SlotHolder {
  /** When it last sent anything, in milliseconds of the caller's clock. */
  readonly usedAtMs: number;
  /** Gives up its slot at once, by calling `remove`. */
  giveWay(): void;
}

export class TransferSlots<Holder extends SlotHolder> {
  /** With their addresses. */
  readonly #holders = new Map<Holder, string>();
  readonly #networks = new NetworkCounts(limits.maxTransfersPerAddress, limits.maxTransfers / 2);
  readonly #idleMs: number;

  /** `idleMs`: an idle slot may be taken from its holder after this long. */
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
  add(holder: Holder, address: string, nowMs: number): void {
    const over = this.#networks.full(address);
    if (over !== undefined) this.#makeRoom(nowMs, over.network);
    if (this.size >= limits.maxTransfers) this.#makeRoom(nowMs);
    if (this.size >= limits.maxTransfers) {
      const sentence = `The server is sending ${limits.maxTransfers} files already: try again later.`;
      throw new ParleyError("full", sentence);
    }
    const full = this.#networks.full(address);
    if (full !== undefined) {
      const sentence = `${full.network} is fetching ${full.count} files already: try again later.`;
      throw new ParleyError("full", sentence);
    }
    this.#networks.add(address);
    this.#holders.set(holder, address);
  }

  remove(holder: Holder): void {
    const address = this.#holders.get(holder);
    if (address === undefined) return;
    this.#holders.delete(holder);
    this.#networks.remove(address);
  }

  /** Takes the longest idle slot, of this network or in total, if it has been idle long enough. */
  #makeRoom(nowMs: number, network?: string): void {
    let oldest: Holder | undefined;
    for (const [holder, address] of this.#holders) {
      const isIn = networksOf(address).some((one) => one.network === network);
      if (network !== undefined && !isIn) continue;
      if (oldest === undefined || holder.usedAtMs < oldest.usedAtMs) oldest = holder;
    }
    if (oldest !== undefined && nowMs - oldest.usedAtMs >= this.#idleMs) oldest.giveWay();
  }
}
