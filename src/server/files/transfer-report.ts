// Logs the file transfers of one connection: which were refused, and how the others ended. Decides
// nothing.

import type { Peer } from "../../chat/dialect.ts";
import type { Log } from "../../log.ts";
import type { TransferMessage } from "../../protocol/messages.ts";

type Started = { file: string; bytes: number; atMs: number };

export class TransferReport {
  readonly #log: Log;
  readonly #peer: Peer;
  /** At most as many as the service grants one connection. */
  readonly #running = new Map<number, Started>();

  constructor(log: Log, peer: Peer) {
    this.#log = log;
    this.#peer = peer;
  }

  /** A file is being sent from now on; a mere offer of one counts as nothing. */
  started(transfer: number, { name: file, size: bytes }: { name: string; size: number }): void {
    this.#running.set(transfer, { file, bytes, atMs: performance.now() });
  }

  /** The service has answered. */
  sent(message: TransferMessage): void {
    if (message.type !== "error") return;
    const { transfer, code } = message;
    if (transfer === undefined) this.#log[levelOf(code)]("file refused", { code, ...this.#place });
    else this.#end(transfer, code);
  }

  /** The client reports that it has finished. */
  fetched(transfer: number): void {
    this.#end(transfer, "done");
  }

  /** The connection has closed. */
  closed(): void {
    for (const transfer of this.#running.keys()) this.#end(transfer, "lost");
  }

  #end(transfer: number, reason: string): void {
    const started = this.#running.get(transfer);
    if (started === undefined) return;
    this.#running.delete(transfer);
    const { file, bytes, atMs } = started;
    const seconds = Math.round(performance.now() - atMs) / 1000;
    const fields = { file, bytes, seconds, reason, ...this.#place };
    this.#log[levelOf(reason)]("transfer ended", fields);
  }

  get #place(): { address: string; port: number } {
    return { address: this.#peer.address, port: this.#peer.port };
  }
}

/** A disk that fails is the operator's concern. */
function levelOf(reason: string): "info" | "warn" {
  return reason === "unreadable" ? "warn" : "info";
}
