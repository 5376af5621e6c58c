// Puts a file together from segments in any order: joins small ones into large writes, hashes along the front while the bytes
// are still warm, reads back what came early, names bad chunks. Pure: the store and the hash are handed in.

import { transfer as limit } from "../limits.ts";
import { DigestCheck, type Hasher } from "./digests.ts";
import { RangeSet } from "./ranges.ts";

/** Where the bytes are kept: a partial file, or a ring in memory. May throw (disk full); what was put then counts as not there. */
export interface Store {
  write(offset: number, bytes: Uint8Array): void;
  /** Reads what was written before, all of it; returns the bytes read. */
  read(offset: number, into: Uint8Array): number;
}

export interface AssemblyConfig {
  readonly size: number;
  readonly chunkBytes: number;
  readonly newHasher: () => Hasher;
  readonly store: Store;
  /** What the store holds already, to be checked again. */
  readonly present?: RangeSet;
  /**
   * Hash bytes whose digest isn't known yet. Saves reading them back; but going back after a bad chunk may then reach behind
   * `verifiedBytes`, so a store that forgets what is verified wants false.
   */
  readonly ahead: boolean;
}

/** Copies between typed arrays without making a view of either: three times as fast for a segment. */
const copyBytes = Buffer.prototype.copy;

/** A chunk that differs from its digest: ask for it again. */
export interface BadChunk {
  readonly index: number;
  readonly offset: number;
  readonly length: number;
  /** How many times this chunk has come wrong. */
  readonly times: number;
}

export class Assembly {
  readonly check: DigestCheck;
  readonly present: RangeSet;
  readonly #config: AssemblyConfig;
  readonly #run = new Uint8Array(limit.writeRunBytes);
  #runStart = 0;
  #runLength = 0;
  readonly #readBack = new Uint8Array(limit.readBackBytes);
  readonly #badTimes = new Map<number, number>();
  readonly #bad: BadChunk[] = [];
  readonly #fresh = new RangeSet();

  constructor(config: AssemblyConfig) {
    this.#config = config;
    this.check = new DigestCheck(config.size, config.chunkBytes, config.newHasher);
    this.present = config.present ?? new RangeSet();
  }

  /** New bytes of the file; they are only read during the call. */
  put(offset: number, source: Uint8Array, at: number, length: number): void {
    const joins = this.#runLength > 0 && offset === this.#runStart + this.#runLength;
    if (!joins || this.#runLength + length > this.#run.length) this.flush();
    if (length >= limit.directWriteBytes && this.#runLength === 0) {
      this.#store(offset, source.subarray(at, at + length));
      return;
    }
    if (this.#runLength === 0) this.#runStart = offset;
    copyBytes.call(source, this.#run, this.#runLength, at, at + length);
    this.#runLength += length;
  }

  /** Something waits to be joined with what follows it. */
  get hasGathered(): boolean {
    return this.#runLength > 0;
  }

  /** Writes what waits to be joined. Call it when nothing more has come for now. */
  flush(): void {
    if (this.#runLength === 0) return;
    const run = this.#run.subarray(0, this.#runLength);
    this.#runLength = 0;
    this.#store(this.#runStart, run);
  }

  /**
   * Compares with what is known of the digests, and hashes up to `maxBytes` of what came early; true if there is more to do.
   * Call it after new digests, and whenever there is time.
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
        // a partial file that is shorter than its journal says
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

  /** The next chunk that must be asked for again. */
  takeBad(): BadChunk | undefined {
    return this.#bad.shift();
  }

  /** Whole chunks [first, count] that have come since the last call: what a journal writes down. */
  takeFreshChunks(): [first: number, count: number][] {
    const chunks: [number, number][] = [];
    const { chunkBytes, size } = this.#config;
    const taken: [number, number][] = [];
    for (const [start, end] of this.#fresh.toArray()) {
      const first = Math.ceil(start / chunkBytes);
      const last = end === size ? Math.ceil(size / chunkBytes) : Math.floor(end / chunkBytes);
      if (last > first) {
        chunks.push([first, last - first]);
        taken.push([first * chunkBytes, Math.min(size, last * chunkBytes)]);
      }
    }
    for (const [start, end] of taken) this.#fresh.remove(start, end);
    return chunks;
  }

  #store(offset: number, bytes: Uint8Array): void {
    this.#config.store.write(offset, bytes);
    const end = offset + bytes.length;
    this.present.add(offset, end);
    this.#fresh.add(offset, end);
    const front = this.check.hashedBytes;
    if (front >= offset && front < end) this.#feed(bytes.subarray(front - offset));
  }

  /** Bytes from the front on. */
  #feed(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const from = this.check.hashedBytes;
      const room = Math.min(bytes.length - at, this.#hashable() - from);
      if (room <= 0) return;
      at += this.check.update(bytes.subarray(at, at + room));
      const atBoundary = this.check.hashedBytes % this.#config.chunkBytes === 0;
      // after a bad chunk the front is elsewhere: what is left here is read back when its turn comes
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
    this.#fresh.remove(offset, offset + length);
    this.#bad.push({ index, offset, length, times });
  }
}
