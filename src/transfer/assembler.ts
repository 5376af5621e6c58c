// Assembles a file from sealed segments in any order: gathers them into chunks, opens each chunk
// once it is complete and its tag is known, and passes its plaintext to the store. Chunks left by
// an earlier transfer are checked against the journal's hashes. Reports chunks that must be
// requested again. Pure: store, cipher and hashes are parameters.

import { transfer as limit } from "../limits.ts";
import { freeBuffer } from "../free-buffer.ts";
import { chunkCount, chunkLength } from "./chunks.ts";
import type { WrittenChunk } from "./journal.ts";
import { RangeSet } from "./ranges.ts";

/** Receives the plaintext. May throw (disk full); the chunk then counts as missing. */
export interface ChunkStore {
  /** Stores bytes. True if the store keeps the array itself, false if its memory may be reused. */
  write(offset: number, bytes: Uint8Array): boolean;
  /** Reads back what was written; returns the bytes read. */
  read(offset: number, into: Uint8Array): number;
}

/** Opens a sealed chunk; undefined if it does not match the tag. */
export type OpenChunk = (
  index: number,
  sealed: Uint8Array,
  tag: Uint8Array,
) => Uint8Array | undefined;

/** A hash of the whole file; `Bun.CryptoHasher` is one. */
export interface Hasher {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
}

export interface AssemblerConfig {
  readonly size: number;
  readonly chunkBytes: number;
  readonly store: ChunkStore;
  /** The journal's hash of a chunk. */
  readonly hashOf: (bytes: Uint8Array) => string;
  /** Chunks that the store already has, with their hashes; they are verified before they count. */
  readonly held?: ReadonlyMap<number, string>;
  /** If given, the whole file is hashed during the transfer. */
  readonly hasher?: Hasher;
}

/** A chunk that must be requested again. */
export interface BadChunk {
  readonly index: number;
  readonly offset: number;
  readonly length: number;
  /** How many received copies of this chunk have failed to open so far. */
  readonly times: number;
}

/** A chunk that is partly received. */
interface Gathering {
  readonly bytes: Uint8Array;
  received: number;
}

/** States of a chunk. */
const missing = 0;
const held = 1;
const verified = 2;

/** Copies between typed arrays without creating a view: three times as fast for a segment. */
const copyBytes = Buffer.prototype.copy;
/** Bytes of spare buffers kept for reuse. */
const maxSpareBytes = 8 << 20;

export class Assembler {
  readonly size: number;
  readonly chunkBytes: number;
  readonly #config: AssemblerConfig;
  readonly #count: number;
  readonly #state: Uint8Array;
  readonly #tags: Uint8Array;
  readonly #hasTag: Uint8Array;
  readonly #gathering = new Map<number, Gathering>();
  readonly #spare: Uint8Array[] = [];
  #open: OpenChunk | undefined;
  /** Complete chunks whose tags are known, ready to be opened. */
  #ready: number[] = [];
  #readyBytes = 0;
  /** Held chunks that are not verified yet; the next one is last. */
  readonly #toCheck: number[];
  #readBack: Uint8Array | undefined;
  readonly #badTimes = new Map<number, number>();
  readonly #bad: BadChunk[] = [];
  #unrecorded: WrittenChunk[] = [];
  /** All chunks before the first index are held or verified; all before the second are verified. */
  #firstMissing = 0;
  #firstUnverified = 0;
  #gatheredBytes = 0;
  #heldBytes = 0;
  #verifiedBytes = 0;
  #hashedBytes = 0;
  #digest: Uint8Array | undefined;
  #tagCount = 0;

  constructor(config: AssemblerConfig) {
    this.#config = config;
    this.size = config.size;
    this.chunkBytes = config.chunkBytes;
    this.#count = chunkCount(this.size, this.chunkBytes);
    this.#state = new Uint8Array(this.#count);
    this.#tags = new Uint8Array(this.#count * limit.tagBytes);
    this.#hasTag = new Uint8Array(this.#count);
    this.#toCheck = [...(config.held?.keys() ?? [])].sort((a, b) => b - a);
    for (const index of this.#toCheck) {
      this.#state[index] = held;
      this.#heldBytes += this.#lengthOf(index);
    }
    this.#advance();
  }

  /** Starts a transfer with its own key. Chunks sealed with an earlier key are discarded. */
  begin(open: OpenChunk): void {
    this.#open = open;
    this.#ready = [];
    this.#readyBytes = 0;
    for (const { bytes } of this.#gathering.values()) freeBuffer(bytes);
    this.#gathering.clear();
    this.#gatheredBytes = 0;
    // This transfer requests everything that is missing anyway.
    this.#bad.length = 0;
    this.#hasTag.fill(0);
  }

  /** Bytes received, verified or not. */
  get receivedBytes(): number {
    return this.#verifiedBytes + this.#heldBytes + this.#gatheredBytes;
  }

  get verifiedBytes(): number {
    return this.#verifiedBytes;
  }

  /** Grows with everything that arrives or is verified. */
  get progress(): number {
    return this.receivedBytes + this.#verifiedBytes + this.#tagCount + this.#hashedBytes;
  }

  /** The same without what the next transfer begins anew: parts of chunks, and tags. */
  get lastingProgress(): number {
    return this.#verifiedBytes + this.#hashedBytes;
  }

  /**
   * Everything before this offset has been verified, or was left on disk by an earlier transfer.
   */
  get presentFront(): number {
    return Math.min(this.size, this.#firstMissing * this.chunkBytes);
  }

  /** Everything before this offset is verified and, if there is a hasher, hashed. */
  get verifiedFront(): number {
    const front = Math.min(this.size, this.#firstUnverified * this.chunkBytes);
    return this.#config.hasher === undefined ? front : Math.min(front, this.#hashedBytes);
  }

  get isWhole(): boolean {
    return this.verifiedFront === this.size;
  }

  /** The hash of the whole file, once it is complete. */
  get digest(): Uint8Array | undefined {
    if (this.isWhole) this.#digest ??= this.#config.hasher?.digest();
    return this.#digest;
  }

  /** Ranges of chunks that are neither held nor verified. */
  missing(): [start: number, end: number][] {
    const ranges = new RangeSet();
    for (let index = this.#firstMissing; index < this.#count; index++) {
      if (this.#state[index] !== missing) continue;
      const offset = index * this.chunkBytes;
      ranges.add(offset, offset + this.#lengthOf(index));
    }
    return ranges.toArray();
  }

  /** Whether a chunk has arrived completely without its tag, which must still come. */
  get lacksTags(): boolean {
    for (const [index, { bytes, received }] of this.#gathering) {
      if (received === bytes.length && this.#hasTag[index] === 0) return true;
    }
    return false;
  }

  /** Bytes that are ready to be opened. */
  get readyBytes(): number {
    return this.#readyBytes;
  }

  /**
   * Adds sealed bytes that have not arrived before; they are only read during the call. A chunk
   * that they complete is opened immediately, while it is in the CPU's cache.
   */
  put(offset: number, source: Uint8Array, at: number, length: number): void {
    const end = Math.min(offset + length, this.size);
    for (let from = offset; from < end;) {
      const index = Math.floor(from / this.chunkBytes);
      const start = index * this.chunkBytes;
      const to = Math.min(end, start + this.chunkBytes);
      if (this.#state[index] === missing) {
        const chunk = this.#gathering.get(index) ?? this.#gather(index);
        const sourceAt = at + from - offset;
        copyBytes.call(source, chunk.bytes, from - start, sourceAt, sourceAt + to - from);
        chunk.received += to - from;
        this.#gatheredBytes += to - from;
        if (this.#isReady(index, chunk)) this.#openChunk(index, chunk);
      }
      from = to;
    }
  }

  /**
   * Accepts the concatenated tags of chunk `from` and its successors. False if they are truncated
   * or past the end. The first tag of a chunk is final.
   */
  acceptTags(from: number, packed: Uint8Array): boolean {
    const count = packed.length / limit.tagBytes;
    if (!Number.isInteger(count) || from + count > this.#count) return false;
    for (let i = 0; i < count; i++) {
      const index = from + i;
      if (this.#hasTag[index] === 1) continue;
      this.#hasTag[index] = 1;
      const tag = packed.subarray(i * limit.tagBytes, (i + 1) * limit.tagBytes);
      this.#tags.set(tag, index * limit.tagBytes);
      const chunk = this.#gathering.get(index);
      if (chunk === undefined || !this.#isReady(index, chunk)) continue;
      this.#ready.push(index);
      this.#readyBytes += chunk.received;
    }
    // An empty line shows that the server is still working.
    this.#tagCount += Math.max(1, count);
    return true;
  }

  /**
   * Opens complete chunks, verifies held ones and hashes verified ones: about `maxBytes`, at least
   * one chunk. True if there is more to do.
   */
  work(maxBytes: number): boolean {
    for (let left = maxBytes; left > 0;) {
      const done = this.#openNext() || this.#checkNext() || this.#hashNext();
      if (done === 0) return false;
      left -= done;
    }
    return true;
  }

  /** The next chunk that must be requested again. */
  nextBadChunk(): BadChunk | undefined {
    return this.#bad.shift();
  }

  /** Chunks written since the last call, for the journal. */
  takeNewChunks(): WrittenChunk[] {
    const chunks = this.#unrecorded;
    this.#unrecorded = [];
    return chunks;
  }

  /** Opens one chunk; returns its bytes, 0 if none is ready. */
  #openNext(): number {
    const index = this.#ready.shift();
    const chunk = index === undefined ? undefined : this.#gathering.get(index);
    if (index === undefined || chunk === undefined) return 0;
    this.#readyBytes -= chunk.received;
    this.#openChunk(index, chunk);
    return this.#lengthOf(index);
  }

  #openChunk(index: number, chunk: Gathering): void {
    this.#gathering.delete(index);
    this.#gatheredBytes -= chunk.received;
    const tag = this.#tags.subarray(index * limit.tagBytes, (index + 1) * limit.tagBytes);
    const text = this.#open?.(index, chunk.bytes, tag);
    this.#recycle(chunk.bytes);
    if (text === undefined) {
      const times = (this.#badTimes.get(index) ?? 0) + 1;
      this.#badTimes.set(index, times);
      this.#reject(index, times);
      return;
    }
    const isKept = this.#config.store.write(index * this.chunkBytes, text);
    this.#unrecorded.push([index, this.#config.hashOf(text)]);
    this.#verify(index);
    if (this.#hashedBytes === index * this.chunkBytes) this.#hash(text);
    if (!isKept) freeBuffer(text);
  }

  #recycle(bytes: Uint8Array): void {
    const fits =
      bytes.length === this.chunkBytes && this.#spare.length * bytes.length < maxSpareBytes;
    if (fits) this.#spare.push(bytes);
    else freeBuffer(bytes);
  }

  /** Verifies one held chunk; returns its bytes, 0 if there is none. */
  #checkNext(): number {
    const index = this.#toCheck.pop();
    if (index === undefined) return 0;
    const length = this.#lengthOf(index);
    this.#heldBytes -= length;
    const text = this.#readChunk(index * this.chunkBytes, length);
    const isRight =
      text !== undefined && this.#config.hashOf(text) === this.#config.held?.get(index);
    if (!isRight) {
      this.#reject(index, 0);
      return length;
    }
    this.#verify(index);
    if (this.#hashedBytes === index * this.chunkBytes) this.#hash(text);
    return length;
  }

  /** Hashes verified bytes that arrived out of order; returns how many, 0 if there are none. */
  #hashNext(): number {
    if (this.#config.hasher === undefined) return 0;
    const from = this.#hashedBytes;
    const front = Math.min(this.size, this.#firstUnverified * this.chunkBytes);
    const length = Math.min(front - from, limit.readBackBytes);
    if (length <= 0) return 0;
    const text = this.#readChunk(from, length);
    if (text === undefined) {
      // The partial file is shorter than what was written to it.
      const index = Math.floor(from / this.chunkBytes);
      this.#verifiedBytes -= this.#lengthOf(index);
      this.#reject(index, 0);
    } else this.#hash(text);
    return length;
  }

  #hash(text: Uint8Array): void {
    this.#config.hasher?.update(text);
    this.#hashedBytes += text.length;
  }

  #readChunk(offset: number, length: number): Uint8Array | undefined {
    if (this.#readBack === undefined || this.#readBack.length < length) {
      this.#readBack = new Uint8Array(Math.max(length, limit.readBackBytes));
    }
    const into = this.#readBack.subarray(0, length);
    return this.#config.store.read(offset, into) === length ? into : undefined;
  }

  #gather(index: number): Gathering {
    const length = this.#lengthOf(index);
    const spare = length === this.chunkBytes ? this.#spare.pop() : undefined;
    const chunk = { bytes: spare ?? new Uint8Array(length), received: 0 };
    this.#gathering.set(index, chunk);
    return chunk;
  }

  #isReady(index: number, chunk: Gathering): boolean {
    return chunk.received === chunk.bytes.length && this.#hasTag[index] === 1;
  }

  #verify(index: number): void {
    this.#state[index] = verified;
    this.#verifiedBytes += this.#lengthOf(index);
    this.#advance();
  }

  #advance(): void {
    while (this.#firstMissing < this.#count && this.#state[this.#firstMissing] !== missing) {
      this.#firstMissing++;
    }
    while (this.#firstUnverified < this.#count && this.#state[this.#firstUnverified] === verified) {
      this.#firstUnverified++;
    }
  }

  #reject(index: number, times: number): void {
    this.#state[index] = missing;
    this.#firstMissing = Math.min(this.#firstMissing, index);
    this.#firstUnverified = Math.min(this.#firstUnverified, index);
    const offset = index * this.chunkBytes;
    this.#bad.push({ index, offset, length: this.#lengthOf(index), times });
  }

  #lengthOf(index: number): number {
    return chunkLength(index, this.size, this.chunkBytes);
  }
}
