// Limits transfers, in total and per address. An idle slot is taken away only when somebody else
// needs one: a paused reader harms nobody while there is room.

import { ParleyError } from "../../errors.ts";
import { files as limits } from "../../limits.ts";
import { isLoopback, networkOf } from "../../addresses.ts";

export interface SlotHolder {
  /** When it last sent anything, in milliseconds of the caller's clock. */
  readonly usedAtMs: number;
  /** Gives up its slot at once, by calling `remove`. */
  giveWay(): void;
}

export class TransferSlots<Holder extends SlotHolder> {
  readonly #holders = new Map<Holder, string>();
  readonly #perNetwork = new Map<string, number>();
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
    const network = networkOf(address);
    const here = () => this.#perNetwork.get(network) ?? 0;
    const mayHave = isLoopback(address) ? limits.maxTransfers : limits.maxTransfersPerAddress;
    if (here() >= mayHave) this.#makeRoom(nowMs, network);
    if (this.size >= limits.maxTransfers) this.#makeRoom(nowMs);
    if (this.size >= limits.maxTransfers) {
      const sentence = `The server is sending ${limits.maxTransfers} files already: try again later.`;
      throw new ParleyError("full", sentence);
    }
    if (here() >= mayHave) {
      throw new ParleyError("full", `${network} is fetching ${here()} files already: try again later.`);
    }
    this.#perNetwork.set(network, here() + 1);
    this.#holders.set(holder, network);
  }

  remove(holder: Holder): void {
    const network = this.#holders.get(holder);
    if (network === undefined) return;
    this.#holders.delete(holder);
    const left = (this.#perNetwork.get(network) ?? 1) - 1;
    if (left > 0) this.#perNetwork.set(network, left);
    else this.#perNetwork.delete(network);
  }

  /** Takes the longest idle slot, of this network or in total, if it has been idle long enough. */
  #makeRoom(nowMs: number, network?: string): void {
    let oldest: Holder | undefined;
    for (const [holder, from] of this.#holders) {
      if (network !== undefined && from !== network) continue;
      if (oldest === undefined || holder.usedAtMs < oldest.usedAtMs) oldest = holder;
    }
    if (oldest !== undefined && nowMs - oldest.usedAtMs >= this.#idleMs) oldest.giveWay();
  }
}
