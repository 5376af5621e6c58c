// A window of a file in memory, for output that is streamed rather than saved: byte `n` is stored
// at `n` modulo the size. The writer stays within the window; `part` returns contiguous pieces.

import type { ChunkStore } from "../transfer/assembler.ts";

export class MemoryRing implements ChunkStore {
  readonly #bytes: Uint8Array;

  constructor(bytes: number) {
    this.#bytes = new Uint8Array(bytes);
  }

  get size(): number {
    return this.#bytes.length;
  }

  write(offset: number, bytes: Uint8Array): void {
    const at = offset % this.#bytes.length;
    const first = Math.min(bytes.length, this.#bytes.length - at);
    this.#bytes.set(bytes.subarray(0, first), at);
    if (first < bytes.length) this.#bytes.set(bytes.subarray(first), 0);
  }

  read(offset: number, into: Uint8Array): number {
    const part = this.part(offset, offset + into.length);
    into.set(part);
    if (part.length < into.length) {
      into.set(this.part(offset + part.length, offset + into.length), part.length);
    }
    return into.length;
  }

  /** The bytes from `start` that are contiguous, up to `end`; valid until the window moves on. */
  part(start: number, end: number): Uint8Array {
    const at = start % this.#bytes.length;
    return this.#bytes.subarray(at, Math.min(this.#bytes.length, at + end - start));
  }
}
