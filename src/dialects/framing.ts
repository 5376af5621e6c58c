// Bytes to messages. A character of UTF-8 that is split over two reads is never cut, and what has been searched for a line end
// is not searched again. Pure.

import { message as limits } from "../limits.ts";

/** A message is too long: the connection can't go on, for its end is unknown. */
export const tooLong = Symbol("too long");

/** Lines, ended by `\n`, a `\r` before it stripped. */
export class LineFramer {
  /** Reads that hold no line end yet, and their length. */
  #held: Uint8Array[] = [];
  #heldBytes = 0;

  /** Hands every whole line to `take` until it answers false. Answers `tooLong` when a line passes the bound. */
  push(bytes: Uint8Array, take: (line: string) => boolean): typeof tooLong | undefined {
    const last = bytes.lastIndexOf(0x0a);
    if (last < 0) return this.#hold(bytes);
    const buffer = Buffer.isBuffer(bytes) ? bytes : asBuffer(bytes);
    let text = buffer.toString("utf8", 0, last);
    if (this.#heldBytes > 0) {
      // Decoded together, for a character may be split between them.
      const all = [...this.#held, bytes.subarray(0, last)];
      if (this.#heldBytes + bytes.indexOf(0x0a) > limits.maxLineBytes) return tooLong;
      text = Buffer.concat(all).toString("utf8");
      this.#held = [];
      this.#heldBytes = 0;
    }
    let from = 0;
    // Bytes count, not characters; what came in a shorter read needs no counting.
    let fromByte = bytes.length > limits.maxLineBytes ? 0 : undefined;
    for (;;) {
      const end = text.indexOf("\n", from);
      const line = text.slice(from, end < 0 ? text.length : end);
      if (fromByte !== undefined) {
        const endByte = bytes.indexOf(0x0a, fromByte);
        if (endByte - fromByte > limits.maxLineBytes) return tooLong;
        fromByte = endByte + 1;
      }
      if (!take(line.endsWith("\r") ? line.slice(0, -1) : line)) return undefined;
      if (end < 0) break;
      from = end + 1;
    }
    return this.#hold(bytes.subarray(last + 1));
  }

  /** What has come without a line end, at the end of input; undefined if nothing has. */
  rest(): string | undefined {
    if (this.#heldBytes === 0) return undefined;
    const text = Buffer.concat(this.#held).toString("utf8");
    this.#held = [];
    this.#heldBytes = 0;
    return text;
  }

  #hold(bytes: Uint8Array): typeof tooLong | undefined {
    if (bytes.length === 0) return undefined;
    if (this.#heldBytes + bytes.length > limits.maxLineBytes) return tooLong;
    // A copy (a Buffer's own slice is none): the read may be used again, and one byte must not keep half a megabyte alive.
    this.#held.push(new Uint8Array(bytes));
    this.#heldBytes += bytes.length;
    if (this.#held.length > maxPieces) this.#held = [Buffer.concat(this.#held)];
    return undefined;
  }
}

/** One read is one message, a trailing line end stripped; the beginning of a character waits for its end. */
export class ReadFramer {
  #decoder = new TextDecoder();

  push(bytes: Uint8Array): string | typeof tooLong {
    if (bytes.length > limits.maxLineBytes) return tooLong;
    return this.#decoder.decode(bytes, { stream: true }).replace(/\r?\n$/, "");
  }
}

/** Pieces of one line that are kept apart: a sender of single bytes must not cost an object each. */
const maxPieces = 64;

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
