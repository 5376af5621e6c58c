// The file requests of one control connection: reads `fetch` and `fetched` lines and answers on the same connection.
// Requests are hostile input; its transfers end with the connection.

import type { Ref } from "../../chat/events.ts";
import { listedName } from "../../dialects/open-chat/listed-files.ts";
import { ParleyError } from "../../errors.ts";
import { files as limits, transfer as wire } from "../../limits.ts";
import { nowUs } from "../../io/clock.ts";
import type { Sender } from "../../transfer/sender.ts";
import type { DigestCache } from "./digest-cache.ts";
import type { FileControl } from "./file-control.ts";
import { FileTransfer } from "./file-transfer.ts";
import type { SharedFolder } from "./shared-folder.ts";

/** What a session needs of the file service. */
export interface TransferHost {
  readonly folder: SharedFolder;
  readonly digests: DigestCache;
  readonly sender: Sender;
  readonly udpPort: number;
  readonly maxSegmentBytes: number;
  /** @throws ParleyError `full` */
  add(transfer: FileTransfer, peerAddress: string): void;
  remove(transfer: FileTransfer): void;
  /** There may be something to send. */
  wake(): void;
}

export class FileSession {
  readonly #host: TransferHost;
  readonly #peerAddress: string;
  readonly #control: FileControl;
  readonly #transfers = new Map<number, FileTransfer>();
  #nextId = 1;
  #closed = false;

  constructor(host: TransferHost, peerAddress: string, control: FileControl) {
    this.#host = host;
    this.#peerAddress = peerAddress;
    this.#control = control;
  }

  /**
   * One request, as received (a JSON object): `fetch` or `fetched` by its `type`; its answer repeats `ref`. Answers by itself, at once
   * unless it has to search for the file. Never throws.
   */
  handle(request: Readonly<Record<string, unknown>>, ref?: Ref): void {
    if (this.#closed) return;
    try {
      if (request["type"] === "fetch") this.#handleFetch(request, ref);
      else if (request["type"] === "fetched") this.#handleFetched(request);
    } catch (error) {
      this.#refuse(error, ref);
    }
  }

  /** The connection has ended. */
  close(): void {
    this.#closed = true;
    for (const transfer of this.#transfers.values()) transfer.close();
  }

  /** Offers the file of that name, or else the one that lists show under it. */
  #handleFetch(request: Readonly<Record<string, unknown>>, ref: Ref | undefined): void {
    try {
      this.#start(request, ref);
    } catch (error) {
      const { name } = request;
      const { find } = this.#control;
      const isMissing = error instanceof ParleyError && error.code === "not-found";
      if (!isMissing || find === undefined || typeof name !== "string") throw error;
      if (listedName(name) !== name) throw error;
      find(name)
        .then((shown) => {
          if (shown === undefined || shown === name) throw error;
          if (!this.#closed) this.#start({ ...request, name: shown }, ref);
        })
        .catch((why: unknown) => this.#refuse(why, ref));
    }
  }

  #start(request: Readonly<Record<string, unknown>>, ref: Ref | undefined): void {
    const { name } = request;
    const check = request["check"] === true;
    const token = bytesOf(request["token"], wire.tokenBytes);
    if (typeof name !== "string") throw invalid("name", "a string");
    if (!check && token?.length !== wire.tokenBytes) {
      throw invalid("token", `${wire.tokenBytes} bytes in base64url`);
    }
    if (this.#transfers.size >= limits.maxTransfersPerSession) {
      throw new ParleyError(
        "full",
        `A connection may run ${limits.maxTransfersPerSession} transfers at once: end one with \`fetched\` first.`,
      );
    }
    const { digests } = this.#host;
    const heldBytes = check ? Number.POSITIVE_INFINITY : heldBytesOf(request["held"]);
    const { served, reader } = digests.use(this.#host.folder.open(name), heldBytes);
    const transfer = new FileTransfer({
      id: this.#nextId++,
      served,
      reader,
      control: this.#control,
      onBroken: (broken) => this.#handleBroken(broken, token),
      onClose: (closed) => {
        this.#transfers.delete(closed.id);
        this.#host.remove(closed);
        if (token !== undefined) this.#host.sender.close(token);
        digests.release(served, reader);
      },
    });
    try {
      this.#host.add(transfer, this.#peerAddress);
      if (!check && token !== undefined) this.#open(transfer, token);
    } catch (error) {
      this.#host.remove(transfer);
      digests.release(served, reader);
      throw error;
    }
    this.#transfers.set(transfer.id, transfer);
    this.#offer(transfer, ref);
    const { address, port } = request;
    const first = bytesOf(request["request"], wire.maxRequestBytes);
    if (first === undefined || typeof address !== "string" || typeof port !== "number") return;
    this.#host.sender.handleFirstRequest(first, address, port, nowUs());
    this.#host.wake();
  }

  #open(transfer: FileTransfer, token: Uint8Array): void {
    if (!this.#host.sender.open(token, transfer.served.file.size, transfer.read)) {
      throw new ParleyError(
        "full",
        "This token is in use, or too many transfers are running: try again.",
      );
    }
  }

  #offer(transfer: FileTransfer, ref: Ref | undefined): void {
    const { name, size, modified, version } = transfer.served.file;
    this.#control.send({
      type: "offer",
      ref,
      transfer: transfer.id,
      name,
      size,
      modified,
      version,
      chunkBytes: transfer.served.log.chunkBytes,
      udpPort: this.#host.udpPort,
      maxSegmentBytes: this.#host.maxSegmentBytes,
    });
  }

  #handleFetched(request: Readonly<Record<string, unknown>>): void {
    const id = request["transfer"];
    if (typeof id === "number") this.#transfers.get(id)?.close();
  }

  /** The client has been told on this connection; its datagrams are answered with GONE until the connection ends. */
  #handleBroken(transfer: FileTransfer, token: Uint8Array | undefined): void {
    if (token === undefined) transfer.close();
    else this.#host.sender.fail(token);
  }

  #refuse(error: unknown, ref: Ref | undefined): void {
    if (this.#closed) return;
    const known = error instanceof ParleyError;
    const code = known ? error.code : "storage";
    const message = known ? error.message : "The server cannot read its shared folder.";
    this.#control.send({ type: "error", code, message, ref });
  }
}

/** Decodes base64 of either alphabet; undefined if it is invalid or longer than `maxBytes`. */
function bytesOf(value: unknown, maxBytes: number): Uint8Array | undefined {
  if (typeof value !== "string" || value.length > Math.ceil(maxBytes / 3) * 4) return undefined;
  const bytes = Buffer.from(value, "base64");
  return bytes.length > 0 && bytes.length <= maxBytes ? new Uint8Array(bytes) : undefined;
}

function heldBytesOf(value: unknown): number {
  return typeof value === "number" && value > 0 ? value : 0;
}

function invalid(field: string, wanted: string): ParleyError {
  return new ParleyError(
    "protocol",
    `A \`fetch\` needs ${wanted} as \`${field}\` (docs/transfer.md).`,
  );
}
