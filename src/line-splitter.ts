// Splits bytes into lines, for server, clients and pipes. Decodes all complete lines of a read
// together, never splits a UTF-8 character that spans two reads, and never searches the same bytes
// twice. Bounded. Pure; knows no protocol.

/** Bound here: over a look at the global, the engine gives up its best code for reading lines. */
const { isBuffer } = Buffer;

/** A line exceeds the bound. Its end is unknown, so the stream cannot continue. */
export const tooLong = Symbol("too long");

/** Pieces of a line kept separately; a sender of single bytes must not cost an object each. */
const maxPieces = 64;

/**
 * Splits a stream at `\n`; a `\r` before it belongs to the line ending. Invalid UTF-8 becomes
 * U+FFFD.
 */
export class LineSplitter {
  readonly #maxLineBytes: number;
  /** Reads without a line ending so far, and their length. Usually undefined: none. */
  #held: Uint8Array[] | undefined;
  #heldBytes = 0;

  /** Bytes of a line whose end has not arrived. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /**
   * Passes every complete line to `take` until it returns false. Returns how many bytes have been
   * taken, all of them unless `take` has stopped; `tooLong` if a line exceeds the bound.
   */
  push(bytes: Uint8Array, take: (line: string) => boolean): number | typeof tooLong {
    const last = bytes.lastIndexOf(0x0a);
    if (last < 0) return this.#hold(bytes) ?? bytes.length;
    let from = 0;
    if (this.#held !== undefined) {
      const end = bytes.indexOf(0x0a);
      if (this.#heldBytes + end > this.#maxLineBytes) return tooLong;
      // Decoded together, because a character may be split between the pieces.
      this.#held.push(bytes.subarray(0, end));
      from = end + 1;
      if (!take(this.rest()!)) return from;
    }
    if (from <= last) {
      const taken = this.#takeLines(bytes.subarray(from, last), take);
      if (taken === tooLong) return tooLong;
      from += taken;
      if (from <= last) return from;
    }
    return this.#hold(bytes.subarray(last + 1)) ?? bytes.length;
  }

  /**
   * Passes on the lines of `bytes`, whose final line ending has been removed. Returns how many
   * bytes have been taken, with line endings.
   */
  #takeLines(bytes: Uint8Array, take: (line: string) => boolean): number | typeof tooLong {
    const buffer = isBuffer(bytes) ? bytes : asBuffer(bytes);
    const text = buffer.toString("utf8");
    let from = 0;
    let lines = 0;
    // The bound is in bytes, not characters; a shorter read needs no counting.
    let fromByte = bytes.length > this.#maxLineBytes ? 0 : undefined;
    for (;;) {
      const found = text.indexOf("\n", from);
      const end = found < 0 ? text.length : found;
      if (fromByte !== undefined) {
        const foundByte = bytes.indexOf(0x0a, fromByte);
        const endByte = foundByte < 0 ? bytes.length : foundByte;
        if (endByte - fromByte > this.#maxLineBytes) return tooLong;
        fromByte = endByte + 1;
      }
      const hasReturn = end > from && text.charCodeAt(end - 1) === 0x0d;
      lines++;
      const goesOn = take(text.slice(from, hasReturn ? end - 1 : end));
      if (found < 0) return bytes.length + 1;
      if (!goesOn) return lengthOfLines(bytes, lines);
      from = end + 1;
    }
  }

  /** At the end of input: the last line if it has no line ending. */
  rest(): string | undefined {
    if (this.#held === undefined) return undefined;
    const text = Buffer.concat(this.#held).toString("utf8");
    this.#held = undefined;
    this.#heldBytes = 0;
    return text.endsWith("\r") ? text.slice(0, -1) : text;
  }

  #hold(bytes: Uint8Array): typeof tooLong | undefined {
    if (bytes.length === 0) return undefined;
    if (this.#heldBytes + bytes.length > this.#maxLineBytes) return tooLong;
    // A copy, not a slice of the Buffer: the caller may reuse the read, and one byte must not keep
    // half a megabyte alive.
    const held = (this.#held ??= []);
    held.push(new Uint8Array(bytes));
    this.#heldBytes += bytes.length;
    if (held.length > maxPieces) this.#held = [Buffer.concat(held)];
    return undefined;
  }
}

/** The bytes of the first lines, in bytes and not in characters: some may be invalid. */
function lengthOfLines(bytes: Uint8Array, lines: number): number {
  let length = 0;
  for (let i = 0; i < lines; i++) length = bytes.indexOf(0x0a, length) + 1;
  return length;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
