// One file on its way to one client, seen from the server: what was read for it, and which digests its client knows.
// The datagrams are the sender machine's; this is the control side.

import { files as limits, transfer as wire } from "../../limits.ts";
import type { ReadInto } from "../../transfer/sender.ts";
import type { FileControl } from "./file-service.ts";
import type { ReadAhead, ServedFile } from "./served-file.ts";
import type { SlotHolder } from "./transfer-slots.ts";

export interface FileTransferOptions {
  /** Number on its control connection. */
  readonly id: number;
  readonly served: ServedFile;
  readonly control: FileControl;
  readonly reader: ReadAhead;
  /** It is over: the file has changed or can't be read. The client has been told. */
  onBroken(transfer: FileTransfer): void;
  /** It is over, for whatever reason. Called once. */
  onClose(transfer: FileTransfer): void;
}

export class FileTransfer implements SlotHolder {
  readonly id: number;
  readonly served: ServedFile;
  readonly reader: ReadAhead;
  readonly #options: FileTransferOptions;
  #told = 0;
  #toldWhole = false;
  #lastToldMs = 0;
  #toldBroken = false;
  #usedAtMs = performance.now();
  #wasRead = false;
  #closed = false;

  constructor(options: FileTransferOptions) {
    this.id = options.id;
    this.served = options.served;
    this.reader = options.reader;
    this.#options = options;
  }

  /** As of the last `tell`. */
  get usedAtMs(): number {
    return this.#usedAtMs;
  }

  /** Reads what the client has asked for. */
  readonly read: ReadInto = (offset, into, at, length) => {
    this.#wasRead = true;
    return this.reader.read(offset, into, at, length);
  };

  /**
   * Tells the digests that have become known; `now` says that no more will come soon, so that few are worth a line too. True if some
   * wait to be told later. Ends the transfer when the file has changed.
   */
  tell(nowMs: number, now: boolean): boolean {
    if (this.#wasRead) this.#used(nowMs);
    if (this.#closed || this.#toldBroken) return false;
    if (!this.served.isIntact(nowMs)) {
      this.#tellBroken();
      return false;
    }
    const { log } = this.served;
    const { control } = this.#options;
    const due = now || log.whole !== undefined || nowMs - this.#lastToldMs >= limits.digestsAfterMs;
    if (!due && log.count - this.#told < limits.digestsTogether) return this.#told < log.count;
    while (this.#told < log.count) {
      if ((control.waitingBytes?.() ?? 0) > limits.maxControlBytes) return true;
      const to = Math.min(log.count, this.#told + wire.maxDigestsPerLine);
      const data = Buffer.from(log.packed(this.#told, to)).toString("base64");
      control.send({ type: "digests", transfer: this.id, from: this.#told, data });
      this.#told = to;
      this.#lastToldMs = nowMs;
      this.#used(nowMs);
    }
    if (log.whole !== undefined && !this.#toldWhole) {
      this.#toldWhole = true;
      const sha256 = Buffer.from(log.whole).toString("hex");
      control.send({ type: "digest", transfer: this.id, sha256 });
    }
    return false;
  }

  /**
   * Others need its place. A client that still lacks something asks for it, hears that there is no such transfer, and comes again;
   * one that only waits for digests, and does not read them, is told.
   */
  giveWay(): void {
    const lacksDigests = !this.#toldWhole && this.reader.front >= this.served.file.size;
    if (lacksDigests && !this.#toldBroken) {
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
    this.#wasRead = false;
  }

  #tellBroken(): void {
    this.#toldBroken = true;
    const code = this.served.broken ?? "changed";
    const name = JSON.stringify(this.served.file.name);
    const message =
      code === "changed"
        ? `The file ${name} changed on the server while it was sent: fetch it again.`
        : `The server can't read the file ${name} any more.`;
    this.#options.control.send({ type: "error", code, transfer: this.id, message });
    this.#options.onBroken(this);
  }
}
