// Who may fetch how much at once: the places for transfers, in all and for one address. A place of which nobody has made use for a
// while is given up when somebody else wants it, and not before: a paused reader harms nobody while there is room.

import { ParleyError } from "../errors.ts";
import { files as limits } from "../limits.ts";
import { isLoopback } from "./host-port.ts";

export interface SlotHolder {
  /** When its client was last sent or told something; milliseconds of the caller's clock. */
  readonly usedAtMs: number;
  /** Gives its place back, with `remove`, at once. */
  giveWay(): void;
}

export class TransferSlots<Holder extends SlotHolder> {
  readonly #holders = new Map<Holder, string>();
  readonly #perAddress = new Map<string, number>();
  readonly #idleMs: number;

  /** `idleMs`: unused for this long, a place can be taken from its holder. */
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
    const here = () => this.#perAddress.get(address) ?? 0;
    const mayHave = isLoopback(address) ? limits.maxTransfers : limits.maxTransfersPerAddress;
    if (here() >= mayHave) this.#makeRoom(nowMs, address);
    if (this.size >= limits.maxTransfers) this.#makeRoom(nowMs);
    if (this.size >= limits.maxTransfers) {
      const sentence = `The server sends ${limits.maxTransfers} files already: try again later.`;
      throw new ParleyError("full", sentence);
    }
    if (here() >= mayHave) {
      throw new ParleyError("full", `${address} fetches ${here()} files already: try again later.`);
    }
    this.#perAddress.set(address, here() + 1);
    this.#holders.set(holder, address);
  }

  remove(holder: Holder): void {
    const address = this.#holders.get(holder);
    if (address === undefined) return;
    this.#holders.delete(holder);
    const left = (this.#perAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(address, left);
    else this.#perAddress.delete(address);
  }

  /** Takes the place that was unused longest, of this address or of all, if it was for long enough. */
  #makeRoom(nowMs: number, address?: string): void {
    let oldest: Holder | undefined;
    for (const [holder, from] of this.#holders) {
      if (address !== undefined && from !== address) continue;
      if (oldest === undefined || holder.usedAtMs < oldest.usedAtMs) oldest = holder;
    }
    if (oldest !== undefined && nowMs - oldest.usedAtMs >= this.#idleMs) oldest.giveWay();
  }
}
