// The chunks of a streamed file, from the time they are opened until they are written in order.
// Avoids copies: a chunk stays in the memory into which it was opened.

import { freeBuffer } from "../free-buffer.ts";
import { fetching as limits } from "../limits.ts";
import type { ChunkStore } from "../transfer/assembler.ts";

export class StreamBuffer implements ChunkStore {
  readonly #chunkBytes: number;
  readonly #chunks = new Map<number, Uint8Array>();
  /** Chunks taken recently: the output may still be reading them. */
  readonly #taken: Uint8Array[] = [];
  #takenBytes = 0;

  constructor(chunkBytes: number) {
    this.#chunkBytes = chunkBytes;
  }

  write(offset: number, bytes: Uint8Array): boolean {
    this.#chunks.set(offset, bytes);
    return true;
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

  /**
   * Removes the chunk that begins at `offset` if it ends by `until`. It stays valid until
   * `unsentBytes` more have been taken; it must be passed to the output before the next call.
   */
  take(offset: number, until: number): Uint8Array | undefined {
    const chunk = this.#chunks.get(offset);
    if (chunk === undefined || offset + chunk.length > until) return undefined;
    this.#chunks.delete(offset);
    this.#taken.push(chunk);
    this.#takenBytes += chunk.length;
    // The newest chunk has not been passed to the output yet.
    const given = () => this.#takenBytes - chunk.length - (this.#taken[0]?.length ?? 0);
    while (this.#taken.length > 1 && given() > limits.unsentBytes) {
      const sent = this.#taken.shift()!;
      this.#takenBytes -= sent.length;
      freeBuffer(sent);
    }
    return chunk;
  }
}
