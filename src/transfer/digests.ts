// Prefix digests: the state of one SHA-256 pass at every chunk boundary (docs/transfer.md
// "Digests"). The server computes them as it reads, the client checks them as it receives, and the
// last one is what `sha256sum` prints. Pure: the hash is a parameter.

import { transfer as limit } from "../limits.ts";

/** A SHA-256 whose state can be copied; `Bun.CryptoHasher` is one. */
export interface Hasher {
  update(bytes: Uint8Array): unknown;
  copy(): Hasher;
  digest(): Uint8Array;
}

/** Chunk size for a file: the smallest power of two that gives at most `maxChunks` chunks. */
export function chunkBytesFor(sizeBytes: number): number {
  let bytes: number = limit.minChunkBytes;
  while (bytes * limit.maxChunks < sizeBytes) bytes *= 2;
  return bytes;
}

export function chunkCount(sizeBytes: number, chunkBytes: number): number {
  return Math.ceil(sizeBytes / chunkBytes);
}

/** One pass over a file's bytes, in order, that stops at each chunk boundary. */
class HashPass {
  at = 0;
  hasher: Hasher;
  readonly #size: number;
  readonly #chunkBytes: number;

  constructor(size: number, chunkBytes: number, hasher: Hasher) {
    this.#size = size;
    this.#chunkBytes = chunkBytes;
    this.hasher = hasher;
  }

  /** Hashes bytes up to the next boundary; returns how many, and whether that ended a chunk. */
  step(bytes: Uint8Array): { taken: number; ended: boolean } {
    const boundary = Math.min(
      this.#size,
      (Math.floor(this.at / this.#chunkBytes) + 1) * this.#chunkBytes,
    );
    const taken = Math.min(bytes.length, boundary - this.at);
    if (taken > 0) {
      this.hasher.update(taken === bytes.length ? bytes : bytes.subarray(0, taken));
      this.at += taken;
    }
    return { taken, ended: taken > 0 && this.at === boundary };
  }
}

/** The server's side: digests become known as the pass advances. */
export class DigestLog {
  readonly chunkBytes: number;
  readonly size: number;
  readonly #pass: HashPass;
  readonly #digests: Uint8Array;
  #count = 0;
  #whole: Uint8Array | undefined;

  constructor(size: number, newHasher: () => Hasher) {
    this.size = size;
    this.chunkBytes = chunkBytesFor(size);
    this.#pass = new HashPass(size, this.chunkBytes, newHasher());
    this.#digests = new Uint8Array(chunkCount(size, this.chunkBytes) * limit.digestBytes);
    if (size === 0) this.#whole = this.#pass.hasher.digest();
  }

  /** Bytes hashed so far: `update` expects those from here on. */
  get hashedBytes(): number {
    return this.#pass.at;
  }

  /** Digests known so far. */
  get count(): number {
    return this.#count;
  }

  /** The whole file's digest, all 32 bytes, once it is known. */
  get whole(): Uint8Array | undefined {
    return this.#whole;
  }

  /** Hashes the file's bytes from `hashedBytes` on; ignores those beyond the size. */
  update(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const { taken, ended } = this.#pass.step(at === 0 ? bytes : bytes.subarray(at));
      if (taken === 0) return;
      at += taken;
      if (!ended) continue;
      const digest = this.#pass.hasher.copy().digest();
      this.#digests.set(digest.subarray(0, limit.digestBytes), this.#count * limit.digestBytes);
      this.#count++;
      if (this.#pass.at === this.size) this.#whole = digest;
    }
  }

  /** The digests of chunks `from` … `to` − 1, concatenated; a view of the log. */
  packed(from: number, to: number): Uint8Array {
    return this.#digests.subarray(from * limit.digestBytes, to * limit.digestBytes);
  }
}

/** The client's side: hashes what has arrived, compares, and rolls back when a chunk is bad. */
export class DigestCheck {
  readonly size: number;
  readonly chunkBytes: number;
  readonly #pass: HashPass;
  /** The hasher where everything was verified; `#pass` restarts from it after a bad chunk. */
  #good: Hasher;
  #goodChunks = 0;
  readonly #theirs: Uint8Array;
  #theirCount = 0;
  #theirWhole: Uint8Array | undefined;
  readonly #ours: Uint8Array;
  #checked = 0;
  #ourWhole: Uint8Array | undefined;

  constructor(size: number, chunkBytes: number, newHasher: () => Hasher) {
    this.size = size;
    this.chunkBytes = chunkBytes;
    const hasher = newHasher();
    this.#pass = new HashPass(size, chunkBytes, hasher);
    this.#good = hasher.copy();
    const bytes = chunkCount(size, chunkBytes) * limit.digestBytes;
    this.#theirs = new Uint8Array(bytes);
    this.#ours = new Uint8Array(bytes);
    if (size === 0) this.#ourWhole = hasher.digest();
  }

  /** Bytes hashed so far: `update` expects those from here on. */
  get hashedBytes(): number {
    return this.#pass.at;
  }

  /** Everything before this offset is verified. */
  get verifiedBytes(): number {
    return Math.min(this.size, this.#checked * this.chunkBytes);
  }

  /** Everything before this offset can be verified as soon as it is hashed. */
  get checkableBytes(): number {
    return Math.min(this.size, this.#theirCount * this.chunkBytes);
  }

  /** The whole file's digest, once it has matched. */
  get whole(): Uint8Array | undefined {
    const ours = this.#ourWhole;
    const theirs = this.#theirWhole;
    const right = this.verifiedBytes === this.size && ours !== undefined && theirs !== undefined;
    return right && equal(ours, theirs, 0, limit.wholeDigestBytes) ? ours : undefined;
  }

  /** Every chunk matched, yet the whole file's digest does not: the server contradicts itself. */
  get contradicted(): boolean {
    const complete = this.verifiedBytes === this.size && this.#ourWhole !== undefined;
    return complete && this.#theirWhole !== undefined && this.whole === undefined;
  }

  /**
   * Accepts concatenated digests of the chunks from `from` on. False if they are cut, leave a gap,
   * or exceed the number of chunks.
   */
  accept(from: number, packed: Uint8Array): boolean {
    const count = packed.length / limit.digestBytes;
    if (!Number.isInteger(count) || !Number.isInteger(from) || from < 0) return false;
    if (from > this.#theirCount) return false;
    if (packed.length + from * limit.digestBytes > this.#theirs.length) return false;
    // Known digests stay: a server can't change them later.
    const known = this.#theirCount - from;
    if (known >= count) return true;
    this.#theirs.set(
      packed.subarray(known * limit.digestBytes),
      this.#theirCount * limit.digestBytes,
    );
    this.#theirCount = from + count;
    return true;
  }

  /** Accepts the whole file's digest. False if it does not have 32 bytes. */
  acceptWhole(digest: Uint8Array): boolean {
    if (digest.length !== limit.wholeDigestBytes) return false;
    this.#theirWhole ??= digest;
    return true;
  }

  /** Hashes bytes from `hashedBytes` up to the next boundary at most; returns how many. */
  update(bytes: Uint8Array): number {
    const { taken, ended } = this.#pass.step(bytes);
    if (!ended) return taken;
    const digest = this.#pass.hasher.copy().digest();
    const index = Math.ceil(this.#pass.at / this.chunkBytes) - 1;
    this.#ours.set(digest.subarray(0, limit.digestBytes), index * limit.digestBytes);
    if (this.#pass.at === this.size) this.#ourWhole = digest;
    return taken;
  }

  /**
   * Compares as far as both sides are known. Returns the index of a bad chunk, if any: the pass has
   * then rolled back, and `update` expects the bytes from `hashedBytes` on once more.
   */
  compare(): number | undefined {
    const hashed =
      this.#pass.at === this.size
        ? chunkCount(this.size, this.chunkBytes)
        : Math.floor(this.#pass.at / this.chunkBytes);
    const until = Math.min(hashed, this.#theirCount);
    while (this.#checked < until) {
      const at = this.#checked * limit.digestBytes;
      if (!equal(this.#ours, this.#theirs, at, limit.digestBytes)) return this.#rollBack();
      this.#checked++;
    }
    const atBoundary = this.#checked * this.chunkBytes === this.#pass.at;
    if (atBoundary && this.#checked > this.#goodChunks) {
      this.#good = this.#pass.hasher.copy();
      this.#goodChunks = this.#checked;
    }
    return undefined;
  }

  #rollBack(): number {
    const bad = this.#checked;
    this.#pass.hasher = this.#good.copy();
    this.#pass.at = this.#goodChunks * this.chunkBytes;
    this.#checked = this.#goodChunks;
    this.#ourWhole = undefined;
    return bad;
  }
}

function equal(a: Uint8Array, b: Uint8Array, at: number, length: number): boolean {
  for (let i = at; i < at + length; i++) if (a[i] !== b[i]) return false;
  return true;
}
