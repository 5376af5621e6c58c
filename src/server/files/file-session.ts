// The file requests of one control connection, answered on the same connection. Requests are
// hostile input; transfers end with the connection.

import { isLoopback } from "../../addresses.ts";
import type { FilesClient } from "../../chat/files-port.ts";
import { listedName } from "../../dialects/open-chat/listed-files.ts";
import { ParleyError } from "../../errors.ts";
import { files as limits, transfer as wire } from "../../limits.ts";
import { chunkSealer, exporterLabel, transferKey } from "../../io/chunk-cipher.ts";
import { nowUs } from "../../io/clock.ts";
import type { ShareCounts } from "../../share-counts.ts";
import type { ShareOwner } from "../../share-owner.ts";
import type { FetchRequest, Ref, TransferRequest } from "../../protocol/messages.ts";
import { quoted } from "../../text.ts";
import { chunkBytesFor, chunkCount } from "../../transfer/chunks.ts";
import type { SealCache } from "../../transfer/seal-cache.ts";
import type { Sender } from "../../transfer/sender.ts";
import type { FileFolder } from "./file-folder.ts";
import type { FileControl } from "./file-control.ts";
import type { FileDigests } from "./file-digest.ts";
import { FileTransfer } from "./file-transfer.ts";
import type { OpenFile } from "./open-file.ts";
import type { TagBudget } from "./tag-budget.ts";
import { TreeLists } from "./tree-lists.ts";

/** What a session needs from the file service. */
export interface TransferHost {
  readonly folder: FileFolder;
  readonly digests: FileDigests;
  readonly sender: Sender;
  readonly tags: TagBudget;
  /** Counts the trees being listed. */
  readonly walks: ShareCounts;
  readonly cache: SealCache;
  /** For metrics. */
  readonly totals: { sentBytes: number };
  readonly udpPort: number;
  readonly maxSegmentBytes: number;
  /** This machine's addresses at which datagrams can arrive. */
  readonly locals: Iterable<string>;
  /** Memory for reading a chunk. */
  scratch(bytes: number): Uint8Array;
  /** @throws ParleyError `full` */
  add(transfer: FileTransfer, owner: ShareOwner): void;
  remove(transfer: FileTransfer): void;
  /** There may be something to send. */
  wake(): void;
}

export class FileSession {
  readonly #host: TransferHost;
  readonly #client: FilesClient;
  readonly #control: FileControl;
  readonly #transfers = new Map<number, FileTransfer>();
  readonly #trees: TreeLists;
  /** Files being hashed for the client, by transfer number. */
  readonly #hashing = new Map<number, AbortController>();
  /** Never reused on a connection: keys depend on it. */
  #nextId = 1;
  #exported: Uint8Array | undefined;
  #closed = false;

  constructor(host: TransferHost, client: FilesClient, control: FileControl) {
    this.#host = host;
    this.#client = client;
    this.#control = control;
    this.#trees = new TreeLists(host.folder.tree, control, client.owner, host.walks);
  }

  /** Handles a request, synchronously unless the file has to be searched for. Never throws. */
  handle(request: TransferRequest): void {
    if (this.#closed) return;
    switch (request.type) {
      case "fetched":
        return this.#end(request.transfer);
      case "pull":
        this.#transfers.get(request.transfer)?.pull(request.offset, request.length);
        return this.#host.wake();
      case "tree":
        this.#trees
          .list(request.name, request.after, request.ref)
          .catch((error: unknown) => this.#refuse(error, request.ref));
        return;
      case "fetch":
        try {
          if (request.batch === undefined) this.#handleFetch(request);
          else this.#handleBatch(request);
        } catch (error) {
          this.#refuse(error, request.ref);
        }
    }
  }

  /** The connection has closed. */
  close(): void {
    this.#closed = true;
    this.#trees.close();
    for (const transfer of this.#transfers.values()) transfer.close();
    for (const abort of this.#hashing.values()) abort.abort();
  }

  #end(id: number): void {
    this.#transfers.get(id)?.close();
    this.#hashing.get(id)?.abort();
  }

  /** Offers the file of that name, or the one that is listed under it. */
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

  /** Offers small files of a folder as one batch. */
  #handleBatch(request: FetchRequest): void {
    const id = this.#nextId++;
    const onGone = (file: number) => this.#send({ type: "gone", transfer: id, file });
    this.#trees
      .open(request, onGone)
      .then((found) => {
        if (found === undefined) return;
        if (this.#closed) found.file.close();
        else this.#offerFile(id, found.file, request, found.memoryBytes);
      })
      .catch((error: unknown) => this.#refuse(error, request.ref));
  }

  #start(request: FetchRequest): void {
    const file = this.#host.folder.open(request.name);
    this.#offerFile(this.#nextId++, file, request, 0);
  }

  /** Offers an open file, which is closed with the transfer. @throws ParleyError `full` */
  #offerFile(id: number, file: OpenFile, request: FetchRequest, memoryBytes: number): void {
    // A mere offer needs no datagrams, and hence no token.
    const isOfferAlone = request.check === true;
    try {
      if (this.#transfers.size + this.#hashing.size >= limits.maxTransfersPerSession) {
        throw tooManyTransfers();
      }
      if (file.size > wire.maxFileBytes) throw tooLarge(file);
      if (!isOfferAlone) this.#open(id, file, request, memoryBytes);
    } catch (error) {
      file.close();
      throw error;
    }
    this.#offer(id, file, request.ref);
    if (request.sha256 === true && request.batch === undefined) this.#hash(id, file);
    if (isOfferAlone) return file.close();
    this.#control.onStarted?.(id, file);
    this.#takeFirstRequest(request);
  }

  /** Sets up everything needed for sending. @throws ParleyError `full` */
  #open(id: number, file: OpenFile, request: FetchRequest, memoryBytes: number): void {
    const { tags, cache, sender } = this.#host;
    const token = tokenOf(request.token);
    const chunkBytes = chunkBytesFor(file.size);
    const tagBytes = chunkCount(file.size, chunkBytes) * (wire.tagBytes + 1);
    const release = tags.reserve(tagBytes + memoryBytes, this.#client.owner);
    const exported = this.#exportedKey();
    let isOpen = false;
    const transfer = new FileTransfer({
      id,
      file,
      chunkBytes,
      seal: chunkSealer(transferKey({ exported, transfer: id, token })),
      cache,
      scratch: (bytes) => this.#host.scratch(bytes),
      control: this.#control,
      isResumed: request.held === true,
      leads: !isLoopback(this.#client.peer.address),
      onSent: (bytes) => (this.#host.totals.sentBytes += bytes),
      // The client has been notified on this connection; its datagrams are answered with GONE.
      onBroken: (failure) => sender.fail(token, failure),
      onClose: (closed) => {
        this.#transfers.delete(id);
        this.#host.remove(closed);
        if (isOpen) sender.close(token);
        release();
      },
    });
    try {
      this.#host.add(transfer, this.#client.owner);
      isOpen = sender.open(token, file.size, transfer);
      if (!isOpen) {
        throw new ParleyError(
          "full",
          "This token is in use, or too many transfers are running: try again later.",
        );
      }
    } catch (error) {
      transfer.close();
      throw error;
    }
    this.#transfers.set(id, transfer);
  }

  #offer(id: number, file: OpenFile, ref: Ref | undefined): void {
    const { name, size, modified, version } = file;
    this.#control.send({
      type: "offer",
      ref,
      transfer: id,
      name,
      size,
      modified,
      version,
      chunkBytes: chunkBytesFor(size),
      udpPort: this.#host.udpPort,
      maxSegmentBytes: this.#host.maxSegmentBytes,
    });
  }

  /**
   * Handles the REQUEST in the `fetch` if its cookie validates one of the paths to the client's
   * address.
   */
  #takeFirstRequest({ request, address, port }: FetchRequest): void {
    if (request === undefined || address === undefined || port === undefined) return;
    const first = new Uint8Array(Buffer.from(request, "base64"));
    if (first.length > wire.maxRequestBytes) return;
    const paths = Array.from(this.#host.locals, (local) => ({ address, port, local }));
    this.#host.sender.handleFirstRequest(first, paths, nowUs());
    this.#host.wake();
  }

  /** Sends the SHA-256 of the file once it is known. */
  #hash(id: number, { name, version }: OpenFile): void {
    const abort = new AbortController();
    this.#hashing.set(id, abort);
    // A client that has everything else must see that the server is still working.
    const alive = setInterval(() => {
      this.#send({ type: "tags", transfer: id, from: 0, data: "" });
    }, limits.stillBusyMs);
    this.#host.digests
      .of(name, this.#client.owner, abort.signal)
      .then((found) => {
        if (found.version !== version) throw changedBeforeHash(name);
        this.#send({ type: "digest", transfer: id, sha256: found.sha256 });
      })
      .catch((error: unknown) => {
        if (!abort.signal.aborted) this.#send({ type: "error", transfer: id, ...reasonOf(error) });
      })
      .finally(() => {
        clearInterval(alive);
        this.#hashing.delete(id);
      });
  }

  #exportedKey(): Uint8Array | undefined {
    this.#exported ??= this.#control.exportKey?.(exporterLabel);
    return this.#exported;
  }

  #refuse(error: unknown, ref: Ref | undefined): void {
    this.#send({ type: "error", ...reasonOf(error), ref });
  }

  #send(message: Parameters<FileControl["send"]>[0]): void {
    if (!this.#closed) this.#control.send(message);
  }
}

function reasonOf(error: unknown): { code: string; message: string } {
  if (error instanceof ParleyError) return { code: error.code, message: error.message };
  return { code: "storage", message: "The server cannot read its shared folder." };
}

function tooManyTransfers(): ParleyError {
  return new ParleyError(
    "full",
    `A connection may run ${limits.maxTransfersPerSession} transfers at once: finish one with \`fetched\` first.`,
  );
}

function tooLarge({ name, size }: OpenFile): ParleyError {
  return new ParleyError(
    "full",
    `${quoted(name)} has ${size} bytes, and a transfer carries ${wire.maxFileBytes}: split it.`,
  );
}

function changedBeforeHash(name: string): ParleyError {
  const sentence = `The file ${quoted(name)} changed before it was hashed: fetch it again.`;
  return new ParleyError("changed", sentence);
}

/** @throws ParleyError `protocol` */
function tokenOf(text: string | undefined): Uint8Array {
  const token = Buffer.from(text ?? "", "base64url");
  if (token.length === wire.tokenBytes) return new Uint8Array(token);
  const sentence = `A \`fetch\` needs ${wire.tokenBytes} bytes in base64url as \`token\`.`;
  throw new ParleyError("protocol", sentence);
}
