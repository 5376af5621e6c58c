// One budget for the tags that running transfers keep, so that no number of large files takes the
// server's memory. A network may have a quarter of it.

import { ParleyError } from "../../errors.ts";
import { files as limits } from "../../limits.ts";
import { NetworkCounts } from "../../network-counts.ts";

export class TagBudget {
  readonly #maxBytes: number;
  readonly #networks: NetworkCounts;
  #bytes = 0;

  constructor(maxBytes: number = limits.maxTagBytes) {
    this.#maxBytes = maxBytes;
    this.#networks = new NetworkCounts(maxBytes / 4, maxBytes / 2);
  }

  /** For a client at `address`. Returns what gives them back. @throws ParleyError `full` */
  reserve(bytes: number, address: string): () => void {
    const full = this.#networks.full(address, bytes);
    if (full !== undefined) {
      const sentence = `${full.network} is fetching as much as the server can keep track of: finish one file first.`;
      throw new ParleyError("full", sentence);
    }
    if (this.#bytes + bytes > this.#maxBytes) {
      const sentence = "The server is sending as much as it can keep track of: try again later.";
      throw new ParleyError("full", sentence);
    }
    this.#bytes += bytes;
    this.#networks.add(address, bytes);
    let isReserved = true;
    return () => {
      if (isReserved) {
        this.#bytes -= bytes;
        this.#networks.remove(address, bytes);
      }
      isReserved = false;
    };
  }
}
