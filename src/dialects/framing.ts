// Framing for clients that send no line endings: one read is one message. Lines go through
// src/line-splitter.ts. Pure.

import { tooLong } from "../line-splitter.ts";
import { message as limits } from "../limits.ts";

/**
 * Strips a trailing line ending. A UTF-8 character split across two reads is held back until
 * complete.
 */
export class ReadFramer {
  #decoder = new TextDecoder();

  push(bytes: Uint8Array): string | typeof tooLong {
    if (bytes.length > limits.maxLineBytes) return tooLong;
    return this.#decoder.decode(bytes, { stream: true }).replace(/\r?\n$/, "");
  }
}
