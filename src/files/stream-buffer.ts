// The chunks of a file that is streamed rather than saved, from when they are opened until they are
// written out in order. Without copies: a chunk stays in the memory that it was opened into.

import type { ChunkStore } from "../transfer/assembler.ts";

export class StreamBuffer implements ChunkStore {
  readonly #chunkBytes: number;
  readonly #chunks = new Map<number, Uint8Array>();

  constructor(chunkBytes: number) {
    this.#chunkBytes = chunkBytes;
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#chunks.set(offset, bytes);
  }

  read(offset: number, into: Uint8Array): number {
    let done = 0;
    while (done < into.length) {
      const at = offset + done;
      const start = at - (at % this.#chunkBytes);
      const part = this.#chunks.get(start)?.subarray(at - start, at - start + into.length - done);
      if (part === undefined || part.length === 0) break;
      into.set(part, done);
      done += part.length;
    }
    return done;
  }

  /** Removes the chunk that begins at `offset`, once it ends by `until`. */
  take(offset: number, until: number): Uint8Array | undefined {
    const chunk = this.#chunks.get(offset);
    if (chunk === undefined || offset + chunk.length > until) return undefined;
    this.#chunks.delete(offset);
    return chunk;
  }
}
