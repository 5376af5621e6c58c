// One room's past in memory: texts packed as UTF-8 into blocks, numbers in a ring of columns. Nothing here is an object per
// message, so a full room costs what its bytes cost, and a message can't keep the network buffer alive that it was cut from.

import type { Said } from "../chat/events.ts";

/** Columns of one message: its time, its counter (-1: none), and the lengths in UTF-16 units of name, alias (-1: none), text. */
const columns = 5;
const firstRows = 16;
const firstBlockBytes = 512;
/** Blocks grow with the room up to this size; reading a message decodes its whole block, some microseconds. */
const maxBlockBytes = 16 * 1024;

type Block = { first: number; end: number; bytes: Uint8Array; used: number };

/** Blocks that full rooms have given back: a busy room takes as many as it gives, and the system need not clear new ones. */
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

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export class RoomLog {
  /** The highest number said, and the lowest that is kept. */
  last: number;
  first: number;
  #blockBytes = 0;
  #blocks: Block[] = [];
  #rows = firstRows;
  #ring = new Float64Array(firstRows * columns);

  /** A room that has been at `last` and forgotten everything. */
  constructor(last: number) {
    this.last = last;
    this.first = last + 1;
  }

  /** Memory for texts and numbers, whether in use or not. */
  get bytes(): number {
    return this.#blockBytes + this.#ring.byteLength;
  }

  get kept(): number {
    return this.last - this.first + 1;
  }

  /** Adds messages `from` to `end` of a turn; their numbers go on from `last`. */
  append(turn: readonly Said[], from: number, end: number): void {
    let strings = "";
    let begin = this.last + 1;
    for (let i = from; i < end; i++) {
      const said = turn[i]!;
      this.#keepNumbers(said);
      const own = said.alias === undefined ? said.from : said.from + said.alias;
      strings += own + said.text;
      // Longer turns go in pieces, so that a block stays a bounded piece of work for a reader.
      if (strings.length >= maxBlockBytes / 2) {
        this.#keepStrings(strings, begin);
        strings = "";
        begin = said.seq + 1;
      }
    }
    if (begin <= this.last) this.#keepStrings(strings, begin);
  }

  /** Messages `from` to `to` (inclusive, both kept), ascending. */
  read(room: string, from: number, to: number): Said[] {
    const found: Said[] = [];
    for (const block of this.#blocks) {
      if (block.end <= from) continue;
      if (block.first > to) break;
      this.#readBlock(block, room, from, to, found);
    }
    return found;
  }

  timeOf(seq: number): number {
    return this.#ring[this.#at(seq)]!;
  }

  /** Forgets everything under `seq`. */
  forget(seq: number): void {
    this.first = Math.max(this.first, Math.min(seq, this.last + 1));
    let gone = 0;
    while (gone < this.#blocks.length && this.#blocks[gone]!.end <= this.first) {
      const { bytes } = this.#blocks[gone++]!;
      this.#blockBytes -= bytes.length;
      giveBlock(bytes);
    }
    if (gone > 0) this.#blocks.splice(0, gone);
    if (this.kept === 0 && this.#rows > firstRows) {
      this.#rows = firstRows;
      this.#ring = new Float64Array(firstRows * columns);
    }
  }

  get hasOlderBlocks(): boolean {
    return this.#blocks.length > 1;
  }

  /** Forgets the oldest block's worth of messages. */
  forgetBlock(): void {
    const oldest = this.#blocks[0];
    if (oldest !== undefined) this.forget(oldest.end);
  }

  #keepNumbers(said: Said): void {
    if (said.seq !== this.last + 1) {
      throw new Error(`Message ${said.seq} of room '${said.room}' does not follow ${this.last}`);
    }
    if (this.kept === this.#rows) this.#grow();
    this.last = said.seq;
    const at = this.#at(said.seq);
    this.#ring[at] = said.timeMs;
    this.#ring[at + 1] = said.n ?? -1;
    this.#ring[at + 2] = said.from.length;
    this.#ring[at + 3] = said.alias === undefined ? -1 : said.alias.length;
    this.#ring[at + 4] = said.text.length;
  }

  #keepStrings(strings: string, first: number): void {
    const tail = this.#blocks.at(-1);
    if (tail !== undefined && tail.used + strings.length <= tail.bytes.length) {
      const { read, written } = encoder.encodeInto(strings, tail.bytes.subarray(tail.used));
      if (read === strings.length) {
        tail.used += written;
        tail.end = this.last + 1;
        return;
      }
    }
    const grown = Math.min(maxBlockBytes, Math.max(firstBlockBytes, 2 * (tail?.bytes.length ?? 0)));
    let bytes = takeBlock(Math.max(grown, strings.length));
    let { read, written } = encoder.encodeInto(strings, bytes);
    if (read < strings.length) {
      // Not all of it is ASCII; only now is it worth counting.
      bytes = new Uint8Array(Buffer.byteLength(strings));
      ({ read, written } = encoder.encodeInto(strings, bytes));
    }
    this.#blocks.push({ first, end: this.last + 1, bytes, used: written });
    this.#blockBytes += bytes.length;
  }

  #readBlock(block: Block, room: string, from: number, to: number, found: Said[]): void {
    const strings = decoder.decode(block.bytes.subarray(0, block.used));
    // Rows of forgotten messages may be overwritten: the oldest block is read from its end.
    let end = strings.length;
    const part: Said[] = [];
    for (let seq = block.end - 1; seq >= Math.max(block.first, from); seq--) {
      const at = this.#at(seq);
      const n = this.#ring[at + 1]!;
      const aliasLength = this.#ring[at + 3]!;
      const textAt = end - this.#ring[at + 4]!;
      const aliasAt = textAt - Math.max(0, aliasLength);
      const nameAt = aliasAt - this.#ring[at + 2]!;
      if (seq <= to) {
        part.push({
          type: "said",
          room,
          seq,
          timeMs: this.#ring[at]!,
          from: strings.slice(nameAt, aliasAt),
          alias: aliasLength < 0 ? undefined : strings.slice(aliasAt, textAt),
          text: strings.slice(textAt, end),
          n: n < 0 ? undefined : n,
          author: 0,
        });
      }
      end = nameAt;
    }
    for (let i = part.length - 1; i >= 0; i--) found.push(part[i]!);
  }

  #at(seq: number): number {
    return (seq % this.#rows) * columns;
  }

  /** Twice the rows; a message's place depends on their number, so each moves. */
  #grow(): void {
    const before = this.#ring;
    const rows = this.#rows;
    this.#rows = rows * 2;
    this.#ring = new Float64Array(this.#rows * columns);
    for (let seq = this.first; seq <= this.last; seq++) {
      const from = (seq % rows) * columns;
      this.#ring.set(before.subarray(from, from + columns), this.#at(seq));
    }
  }
}
