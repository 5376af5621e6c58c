// One file on its way to one client, seen from the server: what was read for it, and which digests its client knows.
// The datagrams are the sender machine's; this is the control side.

import { files as limits, transfer as wire } from "../limits.ts";
import type { FileControl } from "./file-service.ts";
import type { ReadAhead, ServedFile } from "./served-file.ts";

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

export class FileTransfer {
  readonly id: number;
  readonly served: ServedFile;
  readonly reader: ReadAhead;
  readonly #options: FileTransferOptions;
  #told = 0;
  #toldWhole = false;
  #lastToldMs = 0;
  #toldBroken = false;
  #closed = false;

  constructor(options: FileTransferOptions) {
    this.id = options.id;
    this.served = options.served;
    this.reader = options.reader;
    this.#options = options;
  }

  /**
   * Tells the digests that have become known; `now` says that no more will come soon, so that few are worth a line too. True if some
   * wait to be told later. Ends the transfer when the file has changed.
   */
  tell(nowMs: number, now: boolean): boolean {
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
    }
    if (log.whole !== undefined && !this.#toldWhole) {
      this.#toldWhole = true;
      const sha256 = Buffer.from(log.whole).toString("hex");
      control.send({ type: "digest", transfer: this.id, sha256 });
    }
    return false;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.onClose(this);
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
