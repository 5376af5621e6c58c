// Writes to a file behind the event loop's back: pieces queue up while one write is on its way, then leave together. One at a time and in
// order, so that what is written last to a place stays there. Knows nothing of what it writes.

import { writeSync, writev } from "node:fs";
import { writeBehind as limits } from "../limits.ts";

interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export class WriteBehind {
  readonly #fd: number;
  #waiting: Piece[] = [];
  #leaving: Piece[] = [];
  #bytes = 0;
  #pushed = 0;
  #written = 0;
  #after: { written: number; run: () => void }[] = [];
  #settled: (() => void)[] = [];
  #error: unknown;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Nothing waits, nothing is on its way. */
  get isIdle(): boolean {
    return this.#written === this.#pushed;
  }

  /** Whether so many bytes more are within the bound. */
  hasRoom(length: number): boolean {
    return this.#bytes + length <= limits.maxBytes;
  }

  /** The caller leaves `bytes` as they are. @throws the error of an earlier write */
  push(offset: number, bytes: Uint8Array): void {
    this.check();
    this.#waiting.push({ offset, bytes });
    this.#bytes += bytes.length;
    this.#pushed++;
    this.#start();
  }

  /** @throws the error of an earlier write, or of what was run after one */
  check(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  /** Runs it when everything pushed so far is written; never, once a write has failed. */
  after(run: () => void): void {
    if (this.isIdle) run();
    else this.#after.push({ written: this.#pushed, run });
  }

  overlaps(offset: number, length: number): boolean {
    const meets = (piece: Piece) =>
      piece.offset < offset + length && piece.offset + piece.bytes.length > offset;
    return this.#leaving.some(meets) || this.#waiting.some(meets);
  }

  /** Puts what is not written yet over what was read: the first `got` bytes of `into`, at `offset`. Returns how many are right now. */
  overlay(offset: number, into: Uint8Array, got: number): number {
    let right = got;
    for (const piece of [...this.#leaving, ...this.#waiting]) {
      const from = Math.max(offset, piece.offset);
      const to = Math.min(offset + into.length, piece.offset + piece.bytes.length);
      if (from >= to) continue;
      into.set(piece.bytes.subarray(from - piece.offset, to - piece.offset), from - offset);
      if (from - offset <= right) right = Math.max(right, to - offset);
    }
    return right;
  }

  /** Resolves when nothing is on its way any more; `check` says whether all went well. */
  settled(): Promise<void> {
    if (this.isIdle || this.#error !== undefined) return Promise.resolve();
    return new Promise((resolve) => this.#settled.push(resolve));
  }

  #start(): void {
    const [first] = this.#waiting;
    if (this.#leaving.length > 0 || first === undefined) return;
    let end = first.offset;
    let count = 0;
    for (const piece of this.#waiting) {
      if (piece.offset !== end || count === limits.maxPieces) break;
      end += piece.bytes.length;
      count++;
    }
    this.#leaving = this.#waiting.splice(0, count);
    const buffers = this.#leaving.map(({ bytes }) => bytes);
    writev(this.#fd, buffers, first.offset, (error, written) => this.#done(error, written));
  }

  #done(error: Error | null, written: number): void {
    try {
      if (error !== null) throw error;
      this.#finish(written);
      const count = this.#leaving.length;
      for (const { bytes } of this.#leaving) this.#bytes -= bytes.length;
      this.#leaving = [];
      this.#written += count;
      while (this.#after[0] !== undefined && this.#after[0].written <= this.#written) {
        this.#after.shift()?.run();
      }
      this.#start();
    } catch (failure) {
      this.#error = failure;
      this.#leaving = [];
      this.#waiting = [];
      this.#bytes = 0;
    }
    if (!this.isIdle && this.#error === undefined) return;
    for (const resolve of this.#settled.splice(0)) resolve();
  }

  /** What the kernel did not take at once (a disk that is nearly full says why when it is asked again). */
  #finish(written: number): void {
    let skip = written;
    for (const { offset, bytes } of this.#leaving) {
      let done = Math.min(skip, bytes.length);
      skip -= done;
      while (done < bytes.length) {
        done += writeSync(this.#fd, bytes, done, bytes.length - done, offset + done);
      }
    }
  }
}
