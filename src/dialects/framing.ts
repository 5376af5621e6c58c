// One read is one message, for clients that know no line ends; those that do go through src/line-splitter.ts. Pure.

import { tooLong } from "../line-splitter.ts";
import { message as limits } from "../limits.ts";

/** One read is one message, a trailing line end stripped; the beginning of a character waits for its end. */
export class ReadFramer {
  #decoder = new TextDecoder();

  push(bytes: Uint8Array): string | typeof tooLong {
    if (bytes.length > limits.maxLineBytes) return tooLong;
    return this.#decoder.decode(bytes, { stream: true }).replace(/\r?\n$/, "");
  }
}
