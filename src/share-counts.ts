// Counts how much of a limited resource each owner uses, such as connections. Pure.

import type { ShareOwner } from "./share-owner.ts";

export class ShareCounts {
  readonly #counts = new Map<string, number>();
  readonly #max: number;
  readonly #maxTogether: number;

  /**
   * One owner may have `max`, and many owners together several times that, up to `maxTogether`. A
   * network is two such groups, its strangers and its accounts: of a third for each, something is
   * left for others.
   */
  constructor(max: number, maxTogether: number) {
    this.#max = max;
    this.#maxTogether = Math.max(max, maxTogether);
  }

  /** The smallest paying share that may not have `more`; undefined: all have room. */
  full(
    { shares }: ShareOwner,
    more = 1,
  ): { label: string; key: string; count: number } | undefined {
    for (const { key, times, label } of shares) {
      const count = this.#of(key);
      if (count + more > Math.min(times * this.#max, this.#maxTogether)) {
        return { label, key, count };
      }
    }
    return undefined;
  }

  add({ shares }: ShareOwner, more = 1): void {
    for (const { key } of shares) this.#counts.set(key, this.#of(key) + more);
  }

  remove({ shares }: ShareOwner, fewer = 1): void {
    for (const { key } of shares) {
      const left = this.#of(key) - fewer;
      if (left > 0) this.#counts.set(key, left);
      else this.#counts.delete(key);
    }
  }

  /** Number of owners tracked. */
  get size(): number {
    return this.#counts.size;
  }

  #of(key: string): number {
    return this.#counts.get(key) ?? 0;
  }
}
