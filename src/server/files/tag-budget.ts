// One budget for the tags that running transfers keep, so that no number of large files takes the
// server's memory.

import { ParleyError } from "../../errors.ts";
import { files as limits } from "../../limits.ts";

export class TagBudget {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number = limits.maxTagBytes) {
    this.#maxBytes = maxBytes;
  }

  /** Returns what gives them back. @throws ParleyError `full` */
  reserve(bytes: number): () => void {
    if (this.#bytes + bytes > this.#maxBytes) {
      const sentence = "The server is sending as much as it can keep track of: try again later.";
      throw new ParleyError("full", sentence);
    }
    this.#bytes += bytes;
    let isReserved = true;
    return () => {
      if (isReserved) this.#bytes -= bytes;
      isReserved = false;
    };
  }
}
