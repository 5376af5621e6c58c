// The first bytes of a connection, held back until they decide its protocol or its framing. Pure.

import { sniff as limits } from "../limits.ts";

export class FirstBytes {
  /** One entry for each read. */
  readonly reads: Uint8Array[] = [];
  #length = 0;
  #firstMs = 0;

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** Copies the bytes. */
  add(bytes: Uint8Array, nowMs: number): void {
    if (this.isEmpty) this.#firstMs = nowMs;
    this.reads.push(new Uint8Array(bytes));
    this.#length += bytes.length;
  }

  joined(): Uint8Array {
    return this.reads.length === 1 ? this.reads[0]! : Buffer.concat(this.reads);
  }

  /** Since the first one; 0: there is none. */
  ageMs(nowMs: number): number {
    return this.isEmpty ? 0 : nowMs - this.#firstMs;
  }

  /**
   * Whether the client ends its lines; undefined: not decided yet. The first message decides: it
   * contains a line ending, or 50 ms pass without one. `ended`: nothing follows.
   */
  framed(nowMs: number, ended: boolean): boolean | undefined {
    if (this.isEmpty) return undefined;
    if (this.reads.some((bytes) => bytes.includes(0x0a))) return true;
    const isLate = this.ageMs(nowMs) >= limits.unframedAfterMs;
    return isLate || ended || this.#length >= limits.maxBytes ? false : undefined;
  }
}
