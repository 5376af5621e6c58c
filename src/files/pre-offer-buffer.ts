// Buffers input that arrives before the offer of a file has been processed: data over UDP, and tags
// from the same read. Bounded.

import { fetching as limits } from "../limits.ts";
import type { TransferMessage } from "../protocol/messages.ts";

export class PreOfferBuffer {
  #data: { offset: number; bytes: Uint8Array }[] = [];
  #bytes = 0;
  #messages: TransferMessage[] = [];
  #dropped: [offset: number, length: number][] = [];

  addMessage(message: TransferMessage): void {
    if (this.#messages.length < limits.maxEarlyLines) this.#messages.push(message);
  }

  addData(offset: number, source: Uint8Array, at: number, length: number): void {
    if (this.#bytes + length > limits.maxEarlyBytes) {
      this.#dropped.push([offset, length]);
      return;
    }
    this.#bytes += length;
    this.#data.push({ offset, bytes: source.slice(at, at + length) });
  }

  /**
   * Passes everything on, once: bytes within the file, messages, and ranges that were dropped for
   * lack of room.
   */
  release(
    size: number,
    to: {
      data(offset: number, bytes: Uint8Array): void;
      message(message: TransferMessage): void;
      dropped(offset: number, length: number): void;
    },
  ): void {
    for (const { offset, bytes } of this.#data.splice(0)) {
      if (offset < size) to.data(offset, bytes.subarray(0, size - offset));
    }
    for (const message of this.#messages.splice(0)) to.message(message);
    for (const [offset, length] of this.#dropped.splice(0)) to.dropped(offset, length);
    this.#bytes = 0;
  }
}
