// An offered file, however its bytes arrive: feeds tags to the assembler, works in slices, and
// detects completion. Knows no socket.

import { ParleyError } from "../errors.ts";
import { fetching as limits, transfer as wire } from "../limits.ts";
import type { FileOffer, TransferMessage } from "../protocol/messages.ts";
import type { Assembler, BadChunk } from "../transfer/assembler.ts";
import { errorOf } from "./control-client.ts";

export class OfferedFile {
  readonly offer: FileOffer;
  readonly assembler: Assembler;
  readonly #hashes: boolean;
  #theirSha256: string | undefined;
  #progress = -1;
  #progressAtMs = performance.now();

  /** `hashes`: the server's SHA-256 must match as well. */
  constructor(offer: FileOffer, assembler: Assembler, hashes: boolean) {
    this.offer = offer;
    this.assembler = assembler;
    this.#hashes = hashes;
  }

  /** Handles messages about this transfer. @throws ParleyError the server's error; `protocol` */
  handleMessage(message: TransferMessage): void {
    if (message.type === "tree" || message.transfer !== this.offer.transfer) return;
    if (message.type === "error") throw errorOf(message);
    if (message.type === "digest") this.#theirSha256 ??= message.sha256.toLowerCase();
    if (message.type !== "tags") return;
    if (!this.assembler.acceptTags(message.from, Buffer.from(message.data, "base64"))) {
      throw new ParleyError("protocol", "The server sent tags of chunks that do not exist.");
    }
  }

  /**
   * Opens and verifies chunks, for at most `workSliceMs`; calls `again` for ranges that must be
   * requested again. True if there is more to do immediately. @throws ParleyError `integrity`
   */
  work(again: (offset: number, length: number) => void): boolean {
    const { assembler } = this;
    const until = performance.now() + limits.workSliceMs;
    let more = true;
    while (more && performance.now() < until) more = assembler.work(wire.readBackBytes);
    for (let bad = assembler.nextBadChunk(); bad !== undefined; bad = assembler.nextBadChunk()) {
      if (bad.times >= wire.maxBadCopies) throw this.#integrity(bad);
      again(bad.offset, bad.length);
      // The next turn requests it immediately.
      more = true;
    }
    return more;
  }

  /** Everything is verified. @throws ParleyError `changed` if the SHA-256 of both ends differ */
  get isWhole(): boolean {
    if (!this.assembler.isWhole) return false;
    if (!this.#hashes) return true;
    if (this.#theirSha256 === undefined) return false;
    const ours = Buffer.from(this.assembler.digest ?? []).toString("hex");
    if (ours === this.#theirSha256) return true;
    throw new ParleyError(
      "changed",
      `The SHA-256 of what arrived is not that of the server's '${this.offer.name}': ` +
        "it changed unnoticed during the transfer: fetch it again.",
    );
  }

  /** Milliseconds since something last arrived, was opened or was verified. */
  idleMs(nowMs: number): number {
    const { progress } = this.assembler;
    if (progress !== this.#progress) {
      this.#progress = progress;
      this.#progressAtMs = nowMs;
    }
    return nowMs - this.#progressAtMs;
  }

  #integrity({ index, offset, length, times }: BadChunk): ParleyError {
    return new ParleyError(
      "integrity",
      `Chunk ${index} of '${this.offer.name}' ` +
        `(${length} bytes at ${offset}) did not fit its tag ${times} times.`,
    );
  }
}
