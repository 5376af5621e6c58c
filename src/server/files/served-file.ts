// One file being served, to one or many clients: a single hashing pass, which shares its reads with
// sending wherever both are at the same offset. Knows no protocol and no client.

import { files as limits } from "../../limits.ts";
import { DigestLog } from "../../transfer/digests.ts";
import type { OpenFile } from "./shared-folder.ts";

export class ServedFile {
  readonly file: OpenFile;
  readonly log: DigestLog;
  /** Its readers, one per client. */
  readonly readers = new Set<ReadAhead>();
  /** Set once the file has changed since it was opened, or can no longer be read. */
  broken: "changed" | "storage" | undefined;
  #checkedAtMs = Number.NEGATIVE_INFINITY;
  /** The whole digest was verified against the file once more and may be sent. */
  #isConfirmed = false;
  /**
   * Something was appended since it was opened. The original content may be unchanged; a second
   * pass confirms that.
   */
  #hasGrown = false;
  #confirmHasher: Bun.CryptoHasher | undefined;
  #confirmedBytes = 0;

  /** `known` is a finished log of the same version; nothing is hashed again. */
  constructor(file: OpenFile, known?: DigestLog) {
    this.file = file;
    this.log = known ?? new DigestLog(file.size, () => new Bun.CryptoHasher("sha256"));
    this.#isConfirmed = known !== undefined;
  }

  /** The farthest byte that any client holds or has been sent. */
  get front(): number {
    let front = 0;
    for (const reader of this.readers) front = Math.max(front, reader.front);
    return front;
  }

  /** How far the hashing pass should get, in bytes, if there is time. */
  get hashTarget(): number {
    return Math.min(this.file.size, this.front + limits.hashLeadBytes);
  }

  /**
   * Reads bytes for sending; fewer than requested if the file is broken. Hashes them too if they
   * are next in order.
   */
  read(offset: number, into: Uint8Array, at: number, length: number): number {
    const target = into.subarray(at, at + length);
    const got = this.#read(target, offset);
    if (got === length) this.#hash(offset, target);
    return got;
  }

  /** The whole digest, once the file is known to have had exactly this content. */
  get whole(): Uint8Array | undefined {
    return this.#isConfirmed ? this.log.whole : undefined;
  }

  /** Whether its digests remain valid for its version. */
  get isReusable(): boolean {
    return this.broken === undefined && this.whole !== undefined && !this.#hasGrown;
  }

  /** Whether there is something to hash; `busy`: only what keeps up with sending. */
  isHashDue(busy: boolean): boolean {
    return this.log.hashedBytes < (busy ? this.front : this.hashTarget) || this.#isConfirming;
  }

  /**
   * Hashes the next piece; returns its bytes, 0 if nothing is left or the file is broken. `scratch`
   * is overwritten.
   */
  hashOn(scratch: Uint8Array): number {
    if (this.#isConfirming) return this.#confirmOn(scratch);
    const from = this.log.hashedBytes;
    const length = Math.min(scratch.length, this.file.size - from);
    if (length <= 0) return 0;
    const target = scratch.subarray(0, length);
    if (this.#read(target, from) !== length) return 0;
    this.#hash(from, target);
    return length;
  }

  /**
   * Whether the file is still what was offered, apart from appended bytes. Checked at most once per
   * `checkFileMs`, and always before the final digest is sent.
   */
  isIntact(nowMs: number): boolean {
    if (this.broken !== undefined) return false;
    const finishing = this.log.whole !== undefined && !this.#isConfirmed && !this.#hasGrown;
    if (!finishing && nowMs - this.#checkedAtMs < limits.checkFileMs) return true;
    this.#checkedAtMs = nowMs;
    try {
      if (this.file.unchanged()) this.#isConfirmed ||= finishing;
      else if (this.file.sizeNow() > this.file.size) this.#hasGrown = true;
      else this.broken = "changed";
    } catch {
      this.broken = "storage";
    }
    return this.broken === undefined;
  }

  get #isConfirming(): boolean {
    return this.#hasGrown && !this.#isConfirmed && this.log.whole !== undefined;
  }

  /**
   * The second pass over a file that has grown: either it matches what was sent, or the file has
   * changed.
   */
  #confirmOn(scratch: Uint8Array): number {
    const hasher = (this.#confirmHasher ??= new Bun.CryptoHasher("sha256"));
    const length = Math.min(scratch.length, this.file.size - this.#confirmedBytes);
    const target = scratch.subarray(0, length);
    if (this.#read(target, this.#confirmedBytes) !== length) return 0;
    hasher.update(target);
    this.#confirmedBytes += length;
    if (this.#confirmedBytes < this.file.size) return length;
    const isSame = Buffer.compare(hasher.digest(), this.log.whole ?? scratch) === 0;
    if (isSame) this.#isConfirmed = true;
    else this.broken = "changed";
    return length;
  }

  #hash(offset: number, bytes: Uint8Array): void {
    const front = this.log.hashedBytes;
    if (offset > front || offset + bytes.length <= front) return;
    this.log.update(offset === front ? bytes : bytes.subarray(front - offset));
  }

  #read(target: Uint8Array, offset: number): number {
    if (this.broken !== undefined) return 0;
    try {
      let got = 0;
      while (got < target.length) {
        const more = this.file.read(got === 0 ? target : target.subarray(got), offset + got);
        if (more === 0) break;
        got += more;
      }
      // Shorter than when it was offered.
      if (got < target.length) this.broken = "changed";
      return got;
    } catch {
      this.broken = "storage";
      return 0;
    }
  }
}

/** One client's progress through the file. Reads blocks that serve many small segments each. */
export class ReadAhead {
  /** The farthest byte read for sending, or already held by the client. */
  front: number;
  readonly #file: ServedFile;
  #block: Uint8Array | undefined;
  #start = 0;
  #length = 0;
  #next = 0;

  constructor(file: ServedFile, heldBytes: number) {
    this.#file = file;
    this.front = Math.min(heldBytes, file.file.size);
  }

  /** As `ServedFile.read`. */
  read(offset: number, into: Uint8Array, at: number, length: number): number {
    if (offset + length > this.front) this.front = offset + length;
    const inOrder = offset === this.#next;
    this.#next = offset + length;
    if (length >= limits.directReadBytes) return this.#file.read(offset, into, at, length);
    if (offset < this.#start || offset + length > this.#start + this.#length) {
      // A single lost segment is not worth a block.
      if (!inOrder) return this.#file.read(offset, into, at, length);
      const block = (this.#block ??= new Uint8Array(limits.readAheadBytes));
      const wanted = Math.min(block.length, this.#file.file.size - offset);
      this.#start = offset;
      this.#length = this.#file.read(offset, block, 0, wanted);
      if (this.#length < length) return this.#length;
    }
    const from = offset - this.#start;
    into.set((this.#block ?? into).subarray(from, from + length), at);
    return length;
  }
}
