// A batch: the small files of a part of a tree, concatenated as if they were one file. Both ends
// compute its layout from the same listing, so neither has to send it. Pure.

import { tree as limits } from "../../limits.ts";

export interface BatchedFile {
  /** Relative to the root of the tree. */
  readonly path: string;
  readonly size: number;
  /** Unix milliseconds. */
  readonly modified: number;
}

/** Whether a file of this size goes into a batch. Empty files have nothing to send. */
export function isBatched(size: number): boolean {
  return size > 0 && size <= limits.maxBatchedBytes;
}

/** A part of one file of a batch: `length` bytes from `start` on. */
export interface BatchPart<File extends BatchedFile> {
  readonly file: File;
  /** The file's index in the batch. */
  readonly index: number;
  readonly start: number;
  readonly length: number;
}

export class Batch<File extends BatchedFile> {
  readonly #files: File[] = [];
  /** The offset at which each file begins. */
  readonly #offsets: number[] = [];
  #size = 0;
  #chars = 0;

  get files(): readonly File[] {
    return this.#files;
  }

  get size(): number {
    return this.#size;
  }

  /** Approximate memory that a sender needs for the batch. */
  get memoryBytes(): number {
    return this.#files.length * 64 + this.#chars;
  }

  /**
   * Adds the next file of the walk. False if the batch is full: that file begins the next batch.
   */
  add(file: File): boolean {
    const isFull =
      this.#files.length >= limits.maxBatchFiles ||
      this.#chars + file.path.length > limits.maxBatchChars ||
      this.#size + file.size > limits.maxBatchBytes;
    if (isFull) return false;
    this.#offsets.push(this.#size);
    this.#files.push(file);
    this.#size += file.size;
    this.#chars += file.path.length;
    return true;
  }

  offsetOf(index: number): number {
    return this.#offsets[index] ?? this.#size;
  }

  /** The files that overlap a range, with the part of each that is in it. */
  *parts(offset: number, length: number): Generator<BatchPart<File>> {
    const end = Math.min(this.#size, offset + length);
    let index = this.#indexAt(offset);
    for (let at = offset; at < end; index++) {
      const file = this.#files[index]!;
      const start = at - this.offsetOf(index);
      const part = Math.min(end - at, file.size - start);
      yield { file, index, start, length: part };
      at += part;
    }
  }

  /**
   * Equal for equal listings and, with overwhelming probability, only for those. `hash`: SHA-256 in
   * base64url.
   */
  version(hash: (text: string) => string): string {
    const lines = this.#files.map(({ path, size, modified }) => `${size} ${modified} ${path}\0`);
    return hash(lines.join("")).slice(0, 22);
  }

  /** Index of the file that contains the byte at `offset`. */
  #indexAt(offset: number): number {
    let low = 0;
    let high = this.#offsets.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.offsetOf(middle) <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
