// Assembles a file from segments in any order: coalesces small writes, hashes at the front while
// the bytes are still in cache, reads back what arrived out of order, reports bad chunks. Pure: the
// store and the hash are parameters.

import { transfer as limit } from "../limits.ts";
import { DigestCheck, type Hasher } from "./digests.ts";
import { RangeSet } from "./ranges.ts";

/**
 * Where the bytes are stored: a partial file, or a ring in memory. May throw (disk full); the bytes
 * being written then count as missing.
 */
export interface ChunkStore {
  write(offset: number, bytes: Uint8Array): void;
  /** Reads back what was written; returns the bytes read. */
  read(offset: number, into: Uint8Array): number;
}

export interface AssemblerConfig {
  readonly size: number;
  readonly chunkBytes: number;
  readonly newHasher: () => Hasher;
  readonly store: ChunkStore;
  /** Ranges that the store holds already, not yet verified. */
  readonly present?: RangeSet;
  /**
   * Hash bytes before their digest is known. Saves reading them back; but a rollback after a bad
   * chunk may then reach behind `verifiedBytes`, so a store that discards verified bytes needs
   * false.
   */
  readonly ahead: boolean;
}

/** Copies between typed arrays without a view of either: three times as fast for a segment. */
const copyBytes = Buffer.prototype.copy;

/** A chunk that does not match its digest: request it again. */
export interface BadChunk {
  readonly index: number;
  readonly offset: number;
  readonly length: number;
  /** How many copies of this chunk were bad so far. */
  readonly times: number;
}

export class Assembler {
  readonly check: DigestCheck;
  readonly present: RangeSet;
  readonly #config: AssemblerConfig;
  readonly #gathered = new Uint8Array(limit.writeRunBytes);
  #gatheredStart = 0;
  #gatheredLength = 0;
  readonly #readBack = new Uint8Array(limit.readBackBytes);
  readonly #badTimes = new Map<number, number>();
  readonly #bad: BadChunk[] = [];
  readonly #unrecorded = new RangeSet();

  constructor(config: AssemblerConfig) {
    this.#config = config;
    this.check = new DigestCheck(config.size, config.chunkBytes, config.newHasher);
    this.present = config.present ?? new RangeSet();
  }

  /** Adds new bytes of the file, which are only read during the call. */
  put(offset: number, source: Uint8Array, at: number, length: number): void {
    const joins = this.#gatheredLength > 0 && offset === this.#gatheredStart + this.#gatheredLength;
    if (!joins || this.#gatheredLength + length > this.#gathered.length) this.flush();
    if (length >= limit.directWriteBytes && this.#gatheredLength === 0) {
      this.#store(offset, source.subarray(at, at + length));
      return;
    }
    if (this.#gatheredLength === 0) this.#gatheredStart = offset;
    copyBytes.call(source, this.#gathered, this.#gatheredLength, at, at + length);
    this.#gatheredLength += length;
  }

  /** Bytes are waiting to be coalesced with the next ones. */
  get hasGathered(): boolean {
    return this.#gatheredLength > 0;
  }

  /** Writes the gathered bytes. Call it when nothing more is arriving for now. */
  flush(): void {
    if (this.#gatheredLength === 0) return;
    const run = this.#gathered.subarray(0, this.#gatheredLength);
    this.#gatheredLength = 0;
    this.#store(this.#gatheredStart, run);
  }

  /**
   * Checks against the digests known so far, and hashes up to `maxBytes` that arrived out of order;
   * true if there is more to do. Call it after new digests, and whenever there is time.
   */
  work(maxBytes: number): boolean {
    this.#compare();
    for (let left = maxBytes; left > 0;) {
      const from = this.check.hashedBytes;
      const until = Math.min(this.present.endFrom(from), this.#hashable());
      const length = Math.min(left, until - from, this.#readBack.length);
      if (length <= 0) return false;
      const bytes = this.#readBack.subarray(0, length);
      const got = this.#config.store.read(from, bytes);
      if (got === 0) {
        // The partial file is shorter than its journal says.
        this.present.remove(from, until);
        this.#reject(Math.floor(from / this.#config.chunkBytes));
        return false;
      }
      this.#feed(got === length ? bytes : bytes.subarray(0, got));
      left -= got;
    }
    return (
      this.#hashable() > this.check.hashedBytes &&
      this.present.endFrom(this.check.hashedBytes) > this.check.hashedBytes
    );
  }

  /** The next chunk to request again. */
  nextBadChunk(): BadChunk | undefined {
    return this.#bad.shift();
  }

  /** Whole chunks [first, count] written since the last call, for the journal. */
  takeNewChunks(): [first: number, count: number][] {
    const chunks: [number, number][] = [];
    const { chunkBytes, size } = this.#config;
    const taken: [number, number][] = [];
    for (const [start, end] of this.#unrecorded.toArray()) {
      const first = Math.ceil(start / chunkBytes);
      const last = end === size ? Math.ceil(size / chunkBytes) : Math.floor(end / chunkBytes);
      if (last > first) {
        chunks.push([first, last - first]);
        taken.push([first * chunkBytes, Math.min(size, last * chunkBytes)]);
      }
    }
    for (const [start, end] of taken) this.#unrecorded.remove(start, end);
    return chunks;
  }

  #store(offset: number, bytes: Uint8Array): void {
    this.#config.store.write(offset, bytes);
    const end = offset + bytes.length;
    this.present.add(offset, end);
    this.#unrecorded.add(offset, end);
    const front = this.check.hashedBytes;
    if (front >= offset && front < end) this.#feed(bytes.subarray(front - offset));
  }

  /** Hashes bytes from the front on. */
  #feed(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const from = this.check.hashedBytes;
      const room = Math.min(bytes.length - at, this.#hashable() - from);
      if (room <= 0) return;
      at += this.check.update(bytes.subarray(at, at + room));
      const atBoundary = this.check.hashedBytes % this.#config.chunkBytes === 0;
      // After a bad chunk the front is elsewhere: the rest is read back later.
      if ((atBoundary || this.check.hashedBytes === this.#config.size) && this.#compare()) return;
    }
  }

  #hashable(): number {
    return this.#config.ahead ? this.#config.size : this.check.checkableBytes;
  }

  /** True if a chunk was bad. */
  #compare(): boolean {
    const bad = this.check.compare();
    if (bad === undefined) return false;
    this.#reject(bad);
    return true;
  }

  #reject(index: number): void {
    const { chunkBytes, size } = this.#config;
    const offset = index * chunkBytes;
    const length = Math.min(chunkBytes, size - offset);
    const times = (this.#badTimes.get(index) ?? 0) + 1;
    this.#badTimes.set(index, times);
    this.present.remove(offset, offset + length);
    this.#unrecorded.remove(offset, offset + length);
    this.#bad.push({ index, offset, length, times });
  }
}
