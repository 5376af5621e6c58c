// One room's log in memory: rows of JSON as UTF-8 in blocks, and their numbers as columns in a
// ring. Without an object per message or row, a full room takes little more than its bytes, and no
// message keeps a network buffer alive.

import type { Said } from "../../chat/events.ts";
import type { SaidRun } from "../../chat/rooms/said-run.ts";
import { protocol } from "../../limits.ts";
import { eraseAt, type PackedRow, packRuns, type StoredRun, unpackRuns } from "../packed-runs.ts";

/**
 * Columns of a row in the ring: `seq` and time of its first message, the store's clock at the time
 * of appending, and its offset in its block.
 */
const columns = 4;
const seqColumn = 0;
const timeColumn = 1;
const clockColumn = 2;
const offsetColumn = 3;

const firstRows = 16;
const firstBlockBytes = 512;
/** Blocks grow with the room up to this size. */
const maxBlockBytes = 16 * 1024;

/**
 * Holds the rows from `first` up to but not including `end`, counted from the beginning of the
 * room.
 */
type Block = { first: number; end: number; bytes: Uint8Array; used: number };

/** Blocks of full rooms, for reuse: a busy room needs one as often as it frees one. */
const spareBlocks: Uint8Array[] = [];
const maxSpareBlocks = 8;

function takeBlock(bytes: number): Uint8Array {
  const spare = bytes === maxBlockBytes ? spareBlocks.pop() : undefined;
  return spare ?? new Uint8Array(bytes);
}

function giveBlock(bytes: Uint8Array): void {
  if (bytes.length === maxBlockBytes && spareBlocks.length < maxSpareBlocks)
    spareBlocks.push(bytes);
}

/** Ignored by JSON parsers. */
const blank = 0x20;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class MemoryRoom {
  /** The highest number assigned and the lowest one kept, which may be in the middle of a row. */
  last: number;
  first: number;
  #blockBytes = 0;
  #blocks: Block[] = [];
  #capacity = firstRows;
  #ring = new Float64Array(firstRows * columns);
  /** The rows kept are `#head` up to but not including `#end`. */
  #head = 0;
  #end = 0;
  /** The messages erased last, with the room's highest number at that time. */
  readonly #erasures: { seq: number; last: number }[] = [];

  /** An empty log that continues after number `last`. */
  constructor(last: number) {
    this.last = last;
    this.first = last + 1;
  }

  /** Memory allocated for rows and columns. */
  get bytes(): number {
    return this.#blockBytes + this.#ring.byteLength;
  }

  get kept(): number {
    return this.last - this.first + 1;
  }

  /** Appends everything said in one turn and returns the number of its first message. */
  append(runs: readonly SaidRun[], clockMs: number): number {
    const first = this.last + 1;
    for (const row of packRuns(runs)) this.#appendRow(row, clockMs);
    return first;
  }

  /** Messages `from` to `to` (inclusive, both kept), ascending. */
  read(room: string, from: number, to: number): Said[] {
    const found: Said[] = [];
    if (from > to) return found;
    let row = this.#rowOf(from);
    for (const block of this.#blocks) {
      if (block.end <= row) continue;
      let end = row;
      while (end < block.end && this.#column(end, seqColumn) <= to) end++;
      if (end === row) break;
      for (const runs of this.#unpackRows(block, row, end)) {
        const firstSeq = this.#column(row, seqColumn);
        const timeMs = this.#column(row, timeColumn);
        unpackRuns(runs, { room, firstSeq, timeMs }, [from, to], found);
        row++;
      }
    }
    return found;
  }

  /**
   * Erases the text of a message that is still kept. The row keeps its length, padded with blanks.
   */
  erase(seq: number): boolean {
    if (seq < this.first || seq > this.last) return false;
    const row = this.#rowOf(seq);
    const block = this.#blocks.find(({ first, end }) => row >= first && row < end);
    const [runs] = block === undefined ? [] : this.#unpackRows(block, row, row + 1);
    if (block === undefined || runs === undefined) return false;
    const outcome = eraseAt(runs, seq - this.#column(row, seqColumn));
    if (outcome !== "erased") return outcome !== undefined;
    if (this.#erasures.push({ seq, last: this.last }) > protocol.erasures) this.#erasures.shift();
    const begin = this.#column(row, offsetColumn);
    const after = row + 1 < block.end ? this.#column(row + 1, offsetColumn) : block.used;
    const place = block.bytes.subarray(begin, after - 1);
    place.fill(blank, encoder.encodeInto(JSON.stringify(runs), place).written);
    return true;
  }

  /** For someone who has read up to `seq` (`RoomBounds`). */
  erasedSince(seq: number): readonly number[] {
    const since = this.#erasures.filter((one) => one.seq <= seq && one.last >= seq);
    return since.map((one) => one.seq);
  }

  /** Deletes the messages numbered below `seq`. */
  deleteBefore(seq: number): void {
    this.first = Math.max(this.first, Math.min(seq, this.last + 1));
    while (this.#head < this.#end && this.#firstOf(this.#head + 1) <= this.first) this.#head++;
    let gone = 0;
    while (gone < this.#blocks.length && this.#blocks[gone]!.end <= this.#head) {
      const { bytes } = this.#blocks[gone++]!;
      this.#blockBytes -= bytes.length;
      giveBlock(bytes);
    }
    if (gone > 0) this.#blocks.splice(0, gone);
    if (this.kept === 0 && this.#capacity > firstRows) {
      this.#capacity = firstRows;
      this.#ring = new Float64Array(firstRows * columns);
    }
  }

  /** Deletes rows appended before `clockMs` and returns the number of rows examined. */
  deleteOlder(clockMs: number): number {
    const begin = this.#head;
    let row = begin;
    while (row < this.#end && this.#column(row, clockColumn) < clockMs) row++;
    if (row > begin) this.deleteBefore(this.#firstOf(row));
    return row - begin + 1;
  }

  get hasOlderBlocks(): boolean {
    return this.#blocks.length > 1;
  }

  /** Deletes the messages of the oldest block. */
  deleteOldestBlock(): void {
    const oldest = this.#blocks[0];
    if (oldest !== undefined) this.deleteBefore(this.#firstOf(oldest.end));
  }

  #appendRow({ count, timeMs, runs }: PackedRow, clockMs: number): void {
    if (this.#end - this.#head === this.#capacity) this.#grow();
    const row = this.#end++;
    const at = (row % this.#capacity) * columns;
    this.#ring[at + seqColumn] = this.last + 1;
    this.#ring[at + timeColumn] = timeMs;
    this.#ring[at + clockColumn] = clockMs;
    this.#ring[at + offsetColumn] = this.#keep(row, `${runs},`);
    this.last += count;
  }

  /** Stores a row in a block and returns its offset there. */
  #keep(row: number, json: string): number {
    const tail = this.#blocks.at(-1);
    if (tail !== undefined && tail.used + json.length <= tail.bytes.length) {
      const { used } = tail;
      const { read, written } = encoder.encodeInto(json, tail.bytes.subarray(used));
      if (read === json.length) {
        tail.used += written;
        tail.end = row + 1;
        return used;
      }
    }
    const grown = Math.min(maxBlockBytes, Math.max(firstBlockBytes, 2 * (tail?.bytes.length ?? 0)));
    let bytes = takeBlock(Math.max(grown, json.length));
    let { read, written } = encoder.encodeInto(json, bytes);
    if (read < json.length) {
      // Not all ASCII, so the bytes must be counted.
      bytes = new Uint8Array(Buffer.byteLength(json));
      ({ read, written } = encoder.encodeInto(json, bytes));
    }
    this.#blocks.push({ first: row, end: row + 1, bytes, used: written });
    this.#blockBytes += bytes.length;
    return 0;
  }

  /** Rows `from` up to but not including `end` of a block. */
  #unpackRows(block: Block, from: number, end: number): StoredRun[][] {
    const begin = this.#column(from, offsetColumn);
    const after = end < block.end ? this.#column(end, offsetColumn) : block.used;
    // Each row ends with a comma.
    const json = decoder.decode(block.bytes.subarray(begin, after - 1));
    return JSON.parse(`[${json}]`);
  }

  /** The row that contains message `seq`, by binary search. */
  #rowOf(seq: number): number {
    let low = this.#head;
    let high = this.#end - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#column(middle, seqColumn) <= seq) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The number of the first message of a row; for the row after the last one, the next number. */
  #firstOf(row: number): number {
    return row < this.#end ? this.#column(row, seqColumn) : this.last + 1;
  }

  #column(row: number, column: number): number {
    return this.#ring[(row % this.#capacity) * columns + column]!;
  }

  /** Doubles the ring. A row's position depends on the capacity, so every row moves. */
  #grow(): void {
    const before = this.#ring;
    const capacity = this.#capacity;
    this.#capacity = capacity * 2;
    this.#ring = new Float64Array(this.#capacity * columns);
    for (let row = this.#head; row < this.#end; row++) {
      const from = (row % capacity) * columns;
      const to = (row % this.#capacity) * columns;
      this.#ring.set(before.subarray(from, from + columns), to);
    }
  }
}
