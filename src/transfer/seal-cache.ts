// Recently sealed chunks of all transfers of a server, so that segments of one chunk, and those
// that were lost, do not make it sealed again. Bounded in bytes. Pure.

import { BoundedMap } from "../bounded-map.ts";
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

  set(owner: number, index: number, chunk: SealedChunk): void {
    this.#chunks.set(keyOf(owner, index), chunk);
  }

  /** Drops the chunks of a transfer that has ended. */
  forget(owner: number): void {
    for (const key of this.#chunks.keys()) {
      if (Math.floor(key / limit.maxChunks) === owner) this.#chunks.delete(key);
    }
  }
}

function keyOf(owner: number, index: number): number {
  return owner * limit.maxChunks + index;
}
