// The file requests of one control connection, answered on the same connection. Requests are
// hostile input; transfers end with the connection.

import { listedName } from "../../dialects/open-chat/listed-files.ts";
import { ParleyError } from "../../errors.ts";
import { files as limits, transfer as wire } from "../../limits.ts";
import { nowUs } from "../../io/clock.ts";
import type { FetchRequest, Ref, TransferRequest } from "../../protocol/messages.ts";
import type { Sender } from "../../transfer/sender.ts";
import type { DigestCache } from "./digest-cache.ts";
import type { FileControl } from "./file-control.ts";
import { FileTransfer } from "./file-transfer.ts";
import type { SharedFolder } from "./shared-folder.ts";

/** What a session needs from the file service. */
export interface TransferHost {
  readonly folder: SharedFolder;
  readonly digests: DigestCache;
  readonly sender: Sender;
  readonly udpPort: number;
  readonly maxSegmentBytes: number;
  /** This machine's addresses at which datagrams can arrive. */
  readonly locals: Iterable<string>;
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

  /** Handles a request, at once unless the file has to be searched for. Never throws. */
  handle(request: TransferRequest): void {
    if (this.#closed) return;
    if (request.type === "fetched") {
      this.#transfers.get(request.transfer)?.close();
      return;
    }
    try {
      this.#handleFetch(request);
    } catch (error) {
      this.#refuse(error, request.ref);
    }
  }

  /** The connection has ended. */
  close(): void {
    this.#closed = true;
    for (const transfer of this.#transfers.values()) transfer.close();
  }

  /** Offers the file of that name, or the one that lists show under it. */
  #handleFetch(request: FetchRequest): void {
    try {
      this.#start(request);
    } catch (error) {
      const { name, ref } = request;
      const { find } = this.#control;
      const isMissing = error instanceof ParleyError && error.code === "not-found";
      if (!isMissing || find === undefined || listedName(name) !== name) throw error;
      find(name)
        .then((shown) => {
          if (shown === undefined || shown === name) throw error;
          if (!this.#closed) this.#start({ ...request, name: shown });
        })
        .catch((why: unknown) => this.#refuse(why, ref));
    }
  }

  #start({ name, check, token: tokenText, request, address, port, held, ref }: FetchRequest): void {
    // A comparison needs no datagrams, and so no token.
    const token = check === true ? undefined : tokenOf(tokenText);
    if (this.#transfers.size >= limits.maxTransfersPerSession) {
      throw new ParleyError(
        "full",
        `A connection may run ${limits.maxTransfersPerSession} transfers at once: finish one with \`fetched\` first.`,
      );
    }
    const { digests } = this.#host;
    const heldBytes = check === true ? Number.POSITIVE_INFINITY : (held ?? 0);
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
      if (token !== undefined) this.#open(transfer, token);
    } catch (error) {
      this.#host.remove(transfer);
      digests.release(served, reader);
      throw error;
    }
    this.#transfers.set(transfer.id, transfer);
    this.#offer(transfer, ref);
    if (request === undefined || address === undefined || port === undefined) return;
    const first = new Uint8Array(Buffer.from(request, "base64"));
    if (first.length > wire.maxRequestBytes) return;
    const paths = Array.from(this.#host.locals, (local) => ({ address, port, local }));
    this.#host.sender.handleFirstRequest(first, paths, nowUs());
    this.#host.wake();
  }

  #open(transfer: FileTransfer, token: Uint8Array): void {
    if (!this.#host.sender.open(token, transfer.served.file.size, transfer.read)) {
      throw new ParleyError(
        "full",
        "This token is in use, or too many transfers are running: try again later.",
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

  /**
   * The client has been told on this connection; its datagrams are answered with GONE until the
   * connection ends.
   */
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

/** @throws ParleyError `protocol` */
function tokenOf(text: string | undefined): Uint8Array {
  const token = Buffer.from(text ?? "", "base64url");
  if (token.length === wire.tokenBytes) return new Uint8Array(token);
  const sentence = `A \`fetch\` needs ${wire.tokenBytes} bytes in base64url as \`token\`.`;
  throw new ParleyError("protocol", sentence);
}
