// Cuts bytes into messages. A UTF-8 character split over two reads stays whole, and bytes are
// searched for a line end only once. Pure.

import { message as limits } from "../limits.ts";

/** A message is too long; the connection cannot go on, since nobody knows where it ends. */
export const tooLong = Symbol("too long");

/** Lines end with `\n`; a `\r` before it is stripped. */
export class LineFramer {
  /** Reads without a line end so far, and their total length. */
  #held: Uint8Array[] = [];
  #heldBytes = 0;

  /** Passes every whole line to `take` until it returns false. Returns `tooLong` if a line is. */
  push(bytes: Uint8Array, take: (line: string) => boolean): typeof tooLong | undefined {
    const last = bytes.lastIndexOf(0x0a);
    if (last < 0) return this.#hold(bytes);
    const buffer = Buffer.isBuffer(bytes) ? bytes : asBuffer(bytes);
    let text = buffer.toString("utf8", 0, last);
    if (this.#heldBytes > 0) {
      // Decoded together, since a character may be split between them.
      const all = [...this.#held, bytes.subarray(0, last)];
      if (this.#heldBytes + bytes.indexOf(0x0a) > limits.maxLineBytes) return tooLong;
      text = Buffer.concat(all).toString("utf8");
      this.#held = [];
      this.#heldBytes = 0;
    }
    let from = 0;
    // The bound counts bytes, not characters; shorter reads need no counting.
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

  /** At the end of input: the rest without a line end; undefined if there is none. */
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
    // A copy (Buffer.slice makes none): the read buffer is reused, and one byte must not keep it
    // alive.
    this.#held.push(new Uint8Array(bytes));
    this.#heldBytes += bytes.length;
    if (this.#held.length > maxPieces) this.#held = [Buffer.concat(this.#held)];
    return undefined;
  }
}

/** One read is one message, without a trailing line end; a split character waits for its rest. */
export class ReadFramer {
  #decoder = new TextDecoder();

  push(bytes: Uint8Array): string | typeof tooLong {
    if (bytes.length > limits.maxLineBytes) return tooLong;
    return this.#decoder.decode(bytes, { stream: true }).replace(/\r?\n$/, "");
  }
}

/**
 * Reads of one line that are kept apart; beyond that they are joined, so single bytes stay cheap.
 */
const maxPieces = 64;

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
