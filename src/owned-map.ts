// A bounded Map in which each entry belongs to the owner of a share: whoever has more than that
// displaces entries of their own, not those of others. Beyond the total, the oldest one goes. Pure.

import { ShareCounts } from "./share-counts.ts";
import { asKept, type ShareOwner } from "./share-owner.ts";

export class OwnedMap<Value> {
  /** Oldest first. */
  readonly #entries = new Map<string, { readonly value: Value; readonly owner: ShareOwner }>();
  readonly #counts: ShareCounts;
  readonly #max: number;

  /** One owner may have a quarter of `max` entries, and many owners of a network half. */
  constructor(max: number) {
    this.#max = max;
    this.#counts = new ShareCounts(Math.ceil(max / 4), Math.ceil(max / 2));
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): Value | undefined {
    return this.#entries.get(key)?.value;
  }

  /** Makes the entry the newest. */
  set(key: string, value: Value, payer: ShareOwner): void {
    this.delete(key);
    const owner = asKept(payer);
    for (;;) {
      const full = this.#counts.full(owner);
      if (full === undefined) break;
      this.#deleteOldest(({ shares }) => shares.some((share) => share.key === full.key));
    }
    if (this.#entries.size >= this.#max) this.#deleteOldest(() => true);
    this.#entries.set(key, { value, owner });
    this.#counts.add(owner);
  }

  delete(key: string): boolean {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#counts.remove(entry.owner);
    return this.#entries.delete(key);
  }

  #deleteOldest(isMeant: (owner: ShareOwner) => boolean): void {
    for (const [key, { owner }] of this.#entries) {
      if (isMeant(owner)) return void this.delete(key);
    }
  }
}
