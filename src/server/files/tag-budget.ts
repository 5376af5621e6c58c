// A shared budget for the tags that running transfers keep, so that large files cannot exhaust the
// server's memory, however many there are. One owner may use a quarter of it.

import { ParleyError } from "../../errors.ts";
import { files as limits } from "../../limits.ts";
import { ShareCounts } from "../../share-counts.ts";
import type { ShareOwner } from "../../share-owner.ts";

export class TagBudget {
  readonly #maxBytes: number;
  readonly #owners: ShareCounts;
  #bytes = 0;

  constructor(maxBytes: number = limits.maxTagBytes) {
    this.#maxBytes = maxBytes;
    this.#owners = new ShareCounts(maxBytes / 4, maxBytes / 3);
  }

  /** Returns a function that releases the bytes. @throws ParleyError `full` */
  reserve(bytes: number, owner: ShareOwner): () => void {
    const full = this.#owners.full(owner, bytes);
    if (full !== undefined) {
      const sentence = `${full.label} is fetching as much as the server can keep track of: finish one file first.`;
      throw new ParleyError("full", sentence);
    }
    if (this.#bytes + bytes > this.#maxBytes) {
      const sentence = "The server is sending as much as it can keep track of: try again later.";
      throw new ParleyError("full", sentence);
    }
    this.#bytes += bytes;
    this.#owners.add(owner, bytes);
    let isReserved = true;
    return () => {
      if (isReserved) {
        this.#bytes -= bytes;
        this.#owners.remove(owner, bytes);
      }
      isReserved = false;
    };
  }
}
