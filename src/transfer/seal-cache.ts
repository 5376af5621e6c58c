// Recently sealed chunks of all transfers of a server, so that segments of one chunk, and those
// that were lost, do not make it sealed again. Bounded in bytes. Pure.

import { BoundedMap } from "../bounded-map.ts";
import { freeBuffer } from "../free-buffer.ts";
import { transfer as limit } from "../limits.ts";

/** A chunk under a transfer's key: as many bytes as its text, and the tag that authenticates them. */
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

  /** A number for a transfer, never used again. */
  newOwner(): number {
    return this.#nextOwner++;
  }

  get(owner: number, index: number): SealedChunk | undefined {
    return this.#chunks.get(keyOf(owner, index));
  }

  /** Takes the chunk over: its memory is freed when it has to leave. */
  set(owner: number, index: number, chunk: SealedChunk): void {
    for (const [, { bytes }] of this.#chunks.set(keyOf(owner, index), chunk)) freeBuffer(bytes);
  }

  /** Drops a chunk, if it is still there. */
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
