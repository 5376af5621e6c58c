// The file requests of one control connection: reads `fetch` and `fetched` lines, answers on the same connection.
// Everything in a request is hostile; what it owns ends with the connection.

import type { Ref } from "../../chat/events.ts";
import { listedName } from "../../dialects/open-chat/listed-files.ts";
import { ParleyError } from "../../errors.ts";
import { files as limits, transfer as wire } from "../../limits.ts";
import { nowUs } from "../../io/clock.ts";
import type { FileControl, FileService } from "./file-service.ts";
import { FileTransfer } from "./file-transfer.ts";

export class FileSession {
  readonly #service: FileService;
  readonly #peerAddress: string;
  readonly #control: FileControl;
  readonly #transfers = new Map<number, FileTransfer>();
  #nextId = 1;
  #closed = false;

  constructor(service: FileService, peerAddress: string, control: FileControl) {
    this.#service = service;
    this.#peerAddress = peerAddress;
    this.#control = control;
  }

  /**
   * One request, as it came (a JSON object): `fetch` or `fetched` by its `type`; `ref` is what its answer repeats. Answers by
   * itself, at once unless it has to look for the file; never throws.
   */
  handle(request: Readonly<Record<string, unknown>>, ref?: Ref): void {
    if (this.#closed) return;
    try {
      if (request["type"] === "fetch") this.#find(request, ref);
      else if (request["type"] === "fetched") this.#fetched(request);
    } catch (error) {
      this.#refuse(error, ref);
    }
  }

  /** The connection has ended. */
  close(): void {
    this.#closed = true;
    for (const transfer of this.#transfers.values()) transfer.close();
  }

  /** Fetches what is called so, or else what is shown so. */
  #find(request: Readonly<Record<string, unknown>>, ref: Ref | undefined): void {
    try {
      this.#fetch(request, ref);
    } catch (error) {
      const { name } = request;
      const { find } = this.#control;
      const isMissing = error instanceof ParleyError && error.code === "not-found";
      if (!isMissing || find === undefined || typeof name !== "string") throw error;
      if (listedName(name) !== name) throw error;
      find(name)
        .then((shown) => {
          if (shown === undefined || shown === name) throw error;
          if (!this.#closed) this.#fetch({ ...request, name: shown }, ref);
        })
        .catch((why: unknown) => this.#refuse(why, ref));
    }
  }

  #fetch(request: Readonly<Record<string, unknown>>, ref: Ref | undefined): void {
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
        `Only ${limits.maxTransfersPerSession} fetches at once on one connection: say \`fetched\` first.`,
      );
    }
    const { digests } = this.#service;
    const heldBytes = check ? Number.POSITIVE_INFINITY : bytesHeld(request["held"]);
    const { served, reader } = digests.use(this.#service.folder.open(name), heldBytes);
    const transfer = new FileTransfer({
      id: this.#nextId++,
      served,
      reader,
      control: this.#control,
      onBroken: (broken) => this.#broken(broken, token),
      onClose: (closed) => {
        this.#transfers.delete(closed.id);
        this.#service.remove(closed);
        if (token !== undefined) this.#service.sender.close(token);
        digests.release(served, reader);
      },
    });
    try {
      this.#service.add(transfer, this.#peerAddress);
      if (!check && token !== undefined) this.#open(transfer, token);
    } catch (error) {
      this.#service.remove(transfer);
      digests.release(served, reader);
      throw error;
    }
    this.#transfers.set(transfer.id, transfer);
    this.#offer(transfer, ref);
    const { address, port } = request;
    const first = bytesOf(request["request"], wire.maxRequestBytes);
    if (first === undefined || typeof address !== "string" || typeof port !== "number") return;
    this.#service.sender.handleFirstRequest(nowUs(), first, address, port);
    this.#service.wake();
  }

  #open(transfer: FileTransfer, token: Uint8Array): void {
    if (!this.#service.sender.open(token, transfer.served.file.size, transfer.read)) {
      throw new ParleyError(
        "full",
        "This token names a running transfer, or too many run: try again.",
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
      udpPort: this.#service.udpPort,
      maxSegmentBytes: this.#service.maxSegmentBytes,
    });
  }

  #fetched(request: Readonly<Record<string, unknown>>): void {
    const id = request["transfer"];
    if (typeof id === "number") this.#transfers.get(id)?.close();
  }

  /** The client has been told on this connection; its datagrams are answered with GONE until the connection ends. */
  #broken(transfer: FileTransfer, token: Uint8Array | undefined): void {
    if (token === undefined) transfer.close();
    else this.#service.sender.fail(token);
  }

  #refuse(error: unknown, ref: Ref | undefined): void {
    if (this.#closed) return;
    const known = error instanceof ParleyError;
    const code = known ? error.code : "storage";
    const message = known ? error.message : "The server can't read its shared folder.";
    this.#control.send({ type: "error", code, message, ref });
  }
}

/** Base64 of either alphabet; undefined if it is none or longer than `maxBytes`. */
function bytesOf(value: unknown, maxBytes: number): Uint8Array | undefined {
  if (typeof value !== "string" || value.length > Math.ceil(maxBytes / 3) * 4) return undefined;
  const bytes = Buffer.from(value, "base64");
  return bytes.length > 0 && bytes.length <= maxBytes ? new Uint8Array(bytes) : undefined;
}

function bytesHeld(value: unknown): number {
  return typeof value === "number" && value > 0 ? value : 0;
}

function invalid(field: string, wanted: string): ParleyError {
  return new ParleyError(
    "protocol",
    `A \`fetch\` needs ${wanted} as \`${field}\` (docs/transfer.md).`,
  );
}
