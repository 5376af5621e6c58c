// One file being sent to one client, the control side: what has been read for it, and which digests
// its client has. The sender machine handles the datagrams.

import { files as limits, transfer as wire } from "../../limits.ts";
import type { ReadInto } from "../../transfer/send-queue.ts";
import type { FileControl } from "./file-control.ts";
import type { ReadAhead, ServedFile } from "./served-file.ts";
import type { SlotHolder } from "./transfer-slots.ts";

export interface FileTransferOptions {
  /** The transfer's number on its control connection. */
  readonly id: number;
  readonly served: ServedFile;
  readonly control: FileControl;
  readonly reader: ReadAhead;
  /** The file has changed or can't be read. The client has been told. */
  onBroken(transfer: FileTransfer): void;
  /** The transfer has ended, for any reason. Called once. */
  onClose(transfer: FileTransfer): void;
}

export class FileTransfer implements SlotHolder {
  readonly id: number;
  readonly served: ServedFile;
  readonly reader: ReadAhead;
  readonly #options: FileTransferOptions;
  #sentDigests = 0;
  #hasSentWhole = false;
  #lastSentMs = 0;
  #hasSentError = false;
  #usedAtMs = performance.now();
  #hasRead = false;
  #closed = false;

  constructor(options: FileTransferOptions) {
    this.id = options.id;
    this.served = options.served;
    this.reader = options.reader;
    this.#options = options;
  }

  /** As of the last `sendDigests`. */
  get usedAtMs(): number {
    return this.#usedAtMs;
  }

  /** Reads what the client requested. */
  readonly read: ReadInto = (offset, into, at, length) => {
    this.#hasRead = true;
    return this.reader.read(offset, into, at, length);
  };

  /**
   * Sends the digests that are ready. `now`: no more will come soon, so send even a few. True if
   * some are waiting. Ends the transfer if the file has changed.
   */
  sendDigests(nowMs: number, now: boolean): boolean {
    if (this.#hasRead) this.#used(nowMs);
    if (this.#closed || this.#hasSentError) return false;
    if (!this.served.isIntact(nowMs)) {
      this.#sendError();
      return false;
    }
    const { log, whole } = this.served;
    const { control } = this.#options;
    const due = now || whole !== undefined || nowMs - this.#lastSentMs >= limits.digestsAfterMs;
    if (!due && log.count - this.#sentDigests < limits.digestsTogether) return this.#sentDigests < log.count;
    while (this.#sentDigests < log.count) {
      if ((control.waitingBytes?.() ?? 0) > limits.maxControlBytes) return true;
      const to = Math.min(log.count, this.#sentDigests + wire.maxDigestsPerLine);
      const data = Buffer.from(log.packed(this.#sentDigests, to)).toString("base64");
      control.send({ type: "digests", transfer: this.id, from: this.#sentDigests, data });
      this.#sentDigests = to;
      this.#lastSentMs = nowMs;
      this.#used(nowMs);
    }
    if (whole !== undefined && !this.#hasSentWhole) {
      this.#hasSentWhole = true;
      const sha256 = Buffer.from(whole).toString("hex");
      control.send({ type: "digest", transfer: this.id, sha256 });
    }
    // A file that has grown is hashed again before the last digest may be sent.
    return log.whole !== undefined && whole === undefined;
  }

  /**
   * Ends the transfer to make room. A client still missing data will request it, learn that the
   * transfer is unknown and fetch again; one that only waits for digests, and does not read them,
   * is told.
   */
  giveWay(): void {
    const lacksDigests = !this.#hasSentWhole && this.reader.front >= this.served.file.size;
    if (lacksDigests && !this.#hasSentError) {
      const name = JSON.stringify(this.served.file.name);
      const message = `The digests of ${name} were not read for too long: fetch it again.`;
      this.#options.control.send({ type: "error", code: "stalled", transfer: this.id, message });
    }
    this.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.onClose(this);
  }

  #used(nowMs: number): void {
    this.#usedAtMs = nowMs;
    this.#hasRead = false;
  }

  #sendError(): void {
    this.#hasSentError = true;
    const code = this.served.broken ?? "changed";
    const name = JSON.stringify(this.served.file.name);
    const message =
      code === "changed"
        ? `The file ${name} changed on the server during the transfer: fetch it again.`
        : `The server can no longer read the file ${name}.`;
    this.#options.control.send({ type: "error", code, transfer: this.id, message });
    this.#options.onBroken(this);
  }
}
