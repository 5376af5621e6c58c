// One file of this page in one transfer: read in blocks, sealed chunk by chunk, and never with two
// plaintexts under one nonce. Holds one block in memory.

import { pageFiles as limits, transfer as wire } from "../../limits.ts";
import { chunkBytesFor, chunkCount } from "../../transfer/chunks.ts";
import type { ChunkCipher } from "./chunk-cipher.ts";

/** The browser reports that the file has changed since it was chosen. */
export class FileChanged extends Error {}

/** Consecutive tags, beginning with that of chunk `from`. */
export type NewTags = { readonly from: number; readonly packed: Uint8Array };

export class ServedFile {
  readonly size: number;
  readonly chunkBytes: number;
  readonly #file: Blob;
  readonly #cipher: Promise<ChunkCipher>;
  readonly #count: number;
  readonly #tags: Uint8Array;
  readonly #hasTag: Uint8Array;
  /** Sealed chunks from `#first` on. */
  #block: readonly Uint8Array[] = [];
  #first = 0;
  readonly #pulls: { offset: number; end: number }[] = [];

  constructor(file: Blob, cipher: Promise<ChunkCipher>) {
    this.#file = file;
    this.#cipher = cipher;
    this.size = file.size;
    this.chunkBytes = chunkBytesFor(file.size);
    this.#count = chunkCount(this.size, this.chunkBytes);
    this.#tags = new Uint8Array(this.#count * wire.tagBytes);
    this.#hasTag = new Uint8Array(this.#count);
  }

  get isPulled(): boolean {
    return this.#pulls.length > 0;
  }

  /** Sealed bytes are requested. Requests beyond the bounds are ignored. */
  pull(offset: number, length: number): void {
    if (offset >= this.size || this.#pulls.length >= limits.maxPulls) return;
    this.#pulls.push({ offset, end: Math.min(this.size, offset + length) });
  }

  /**
   * The next requested piece, with any new tags.
   * @throws FileChanged; the browser's error if the file can't be read
   */
  async next(): Promise<
    { offset: number; bytes: Uint8Array; tags: NewTags | undefined } | undefined
  > {
    const pull = this.#pulls[0];
    if (pull === undefined) return undefined;
    const { offset } = pull;
    const index = Math.floor(offset / this.chunkBytes);
    const tags = this.#sealedAt(index) === undefined ? await this.#load(index) : undefined;
    const sealed = this.#sealedAt(index) ?? new Uint8Array(0);
    const at = offset - index * this.chunkBytes;
    const end = Math.min(
      at + wire.pullLineBytes,
      sealed.length - wire.tagBytes,
      at + pull.end - offset,
    );
    const bytes = sealed.subarray(at, end);
    pull.offset += bytes.length;
    if (pull.offset >= pull.end) this.#pulls.shift();
    return { offset, bytes, tags };
  }

  #sealedAt(index: number): Uint8Array | undefined {
    return this.#block[index - this.#first];
  }

  /** Reads and seals the block that begins with this chunk. */
  async #load(first: number): Promise<NewTags | undefined> {
    const most = Math.max(1, Math.floor(limits.readBytes / this.chunkBytes));
    const count = Math.min(most, this.#count - first);
    const from = first * this.chunkBytes;
    const to = Math.min(this.size, from + count * this.chunkBytes);
    const text = new Uint8Array(await this.#file.slice(from, to).arrayBuffer());
    if (text.length !== to - from) throw new FileChanged();
    const cipher = await this.#cipher;
    const parts = Array.from({ length: count }, (_, i) =>
      text.subarray(i * this.chunkBytes, (i + 1) * this.chunkBytes),
    );
    const block = await Promise.all(parts.map((part, i) => cipher.seal(first + i, part)));
    const isNew = block.map((sealed, i) => this.#keep(first + i, sealed.subarray(-wire.tagBytes)));
    this.#block = block;
    this.#first = first;
    if (!isNew.includes(true)) return undefined;
    const packed = this.#tags.slice(first * wire.tagBytes, (first + count) * wire.tagBytes);
    return { from: first, packed };
  }

  /** False: the tag is already known. @throws FileChanged if it differs */
  #keep(index: number, tag: Uint8Array): boolean {
    const at = index * wire.tagBytes;
    if (this.#hasTag[index] === 1) {
      if (tag.every((byte, i) => byte === this.#tags[at + i])) return false;
      throw new FileChanged();
    }
    this.#hasTag[index] = 1;
    this.#tags.set(tag, at);
    return true;
  }
}
