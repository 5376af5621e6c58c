// A file received through a channel, until it is written: requests it in order, collects its sealed
// chunks, and returns them with their tags, first to last. Holds no more than it has requested.
// Pure.

import { pageFiles as limits, transfer as wire } from "../../limits.ts";
import { chunkCount, chunkLength } from "../../transfer/chunks.ts";
import { PullSchedule } from "../../transfer/pull-schedule.ts";

/** A chunk to open: its sealed bytes followed by their tag. */
export type SealedChunk = { readonly index: number; readonly bytes: Uint8Array<ArrayBuffer> };

type Gathering = { readonly bytes: Uint8Array<ArrayBuffer>; received: number; hasTag: boolean };

export class ChunkIntake {
  readonly size: number;
  readonly chunkBytes: number;
  readonly #count: number;
  readonly #schedule: PullSchedule;
  readonly #tags: Uint8Array;
  readonly #hasTag: Uint8Array;
  readonly #gathering = new Map<number, Gathering>();
  /** Everything before this chunk is written. */
  #first: number;
  /** How many copies of the first chunk were bad. */
  #badCopies = 0;

  /**
   * `written`: the number of bytes already written from the file's beginning: whole chunks, or the
   * whole file.
   */
  constructor(size: number, chunkBytes: number, written: number) {
    this.size = size;
    this.chunkBytes = chunkBytes;
    this.#count = chunkCount(size, chunkBytes);
    this.#first = chunkCount(written, chunkBytes);
    this.#schedule = new PullSchedule(written < size ? [[written, size]] : []);
    this.#tags = new Uint8Array(this.#count * wire.tagBytes);
    this.#hasTag = new Uint8Array(this.#count);
    this.#raiseHorizon();
  }

  get isWhole(): boolean {
    return this.#first === this.#count;
  }

  get writtenBytes(): number {
    return Math.min(this.size, this.#first * this.chunkBytes);
  }

  /** Whether requested data has not arrived yet. */
  get isPending(): boolean {
    return this.#schedule.isPending;
  }

  /** Data that was not requested, or has arrived before, is ignored. */
  handlePiece(offset: number, bytes: Uint8Array): void {
    this.#schedule.handleData(offset, bytes.length, (start, end) =>
      this.#put(start, bytes.subarray(start - offset, end - offset)),
    );
  }

  /** Tags of the chunks from `from` on. False: there are no such chunks. */
  acceptTags(from: number, packed: Uint8Array): boolean {
    const count = packed.length / wire.tagBytes;
    if (!Number.isInteger(count) || from + count > this.#count) return false;
    for (let i = 0; i < count; i++) {
      // The first tag of a chunk stays.
      if (this.#hasTag[from + i] === 1) continue;
      this.#hasTag[from + i] = 1;
      const tag = packed.subarray(i * wire.tagBytes, (i + 1) * wire.tagBytes);
      this.#tags.set(tag, (from + i) * wire.tagBytes);
    }
    return true;
  }

  /** The next chunks to open and write, together about `maxBytes`; they stay the next ones. */
  ready(maxBytes: number): SealedChunk[] {
    const chunks: SealedChunk[] = [];
    for (let left = maxBytes; left > 0; left -= this.chunkBytes) {
      const index = this.#first + chunks.length;
      const chunk = this.#gathering.get(index);
      if (chunk === undefined || !this.#isReady(index, chunk)) break;
      this.#addTag(index, chunk);
      chunks.push({ index, bytes: chunk.bytes });
    }
    return chunks;
  }

  /** The next `count` chunks are written. */
  handleWritten(count: number): void {
    for (let i = 0; i < count; i++) this.#gathering.delete(this.#first++);
    if (count > 0) this.#badCopies = 0;
    this.#raiseHorizon();
  }

  /** The next chunk fails to open, and is requested again. False: that has happened too often. */
  handleBad(): boolean {
    this.#gathering.delete(this.#first);
    this.#schedule.handleBadRange(this.#first * this.chunkBytes, this.#lengthOf(this.#first));
    return ++this.#badCopies < wire.maxBadCopies;
  }

  /** The next range to request now. */
  pollRequest(nowMs: number): { offset: number; length: number } | undefined {
    return this.#schedule.pollRequest(nowMs);
  }

  #put(start: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const offset = start + done;
      const index = Math.floor(offset / this.chunkBytes);
      const chunk = this.#gathering.get(index) ?? this.#gather(index);
      const at = offset - index * this.chunkBytes;
      const part = bytes.subarray(done, done + this.#lengthOf(index) - at);
      chunk.bytes.set(part, at);
      chunk.received += part.length;
      done += part.length;
    }
  }

  #gather(index: number): Gathering {
    const bytes = new Uint8Array(this.#lengthOf(index) + wire.tagBytes);
    const chunk = { bytes, received: 0, hasTag: false };
    this.#gathering.set(index, chunk);
    return chunk;
  }

  #isReady(index: number, { received }: Gathering): boolean {
    return received === this.#lengthOf(index) && this.#hasTag[index] === 1;
  }

  #addTag(index: number, chunk: Gathering): void {
    if (chunk.hasTag) return;
    chunk.hasTag = true;
    const at = index * wire.tagBytes;
    chunk.bytes.set(
      this.#tags.subarray(at, at + wire.tagBytes),
      chunk.bytes.length - wire.tagBytes,
    );
  }

  #raiseHorizon(): void {
    const ahead = Math.max(limits.aheadBytes, 2 * this.chunkBytes);
    this.#schedule.setHorizon(this.#first * this.chunkBytes + ahead);
  }

  #lengthOf(index: number): number {
    return chunkLength(index, this.size, this.chunkBytes);
  }
}
