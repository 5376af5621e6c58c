// Recently sealed chunks of all of a server's transfers, so that segments of one chunk and
// retransmissions do not require sealing it again. Bounded in bytes. Pure.

import { BoundedMap } from "../bounded-map.ts";
import { freeBuffer } from "../free-buffer.ts";
import { transfer as limit } from "../limits.ts";

/** A chunk sealed under a transfer's key, as long as its plaintext, and its authentication tag. */
export interface SealedChunk {
  readonly bytes: Uint8Array;
  readonly tag: Uint8Array;
}

export class SealCache {
  readonly #chunks: BoundedMap<number, SealedChunk>;
  #nextOwner = 0;

  constructor(maxBytes: number) {
    this.#chunks = new BoundedMap(maxBytes, ({ bytes }) => bytes.length);
  }

  /** A number that identifies a transfer; never reused. */
  newOwner(): number {
    return this.#nextOwner++;
  }

  get(owner: number, index: number): SealedChunk | undefined {
    return this.#chunks.get(keyOf(owner, index));
  }

  /** Takes ownership of the chunk: its memory is freed on eviction. */
  set(owner: number, index: number, chunk: SealedChunk): void {
    for (const [, { bytes }] of this.#chunks.set(keyOf(owner, index), chunk)) freeBuffer(bytes);
  }

  /** Deletes a chunk, if present. */
  delete(owner: number, index: number): void {
    const key = keyOf(owner, index);
    const chunk = this.#chunks.get(key);
    if (chunk === undefined) return;
    this.#chunks.delete(key);
    freeBuffer(chunk.bytes);
  }
}

function keyOf(owner: number, index: number): number {
  return owner * limit.maxChunks + index;
}
