// The download of a batch: small files of a folder that the server sends as if they were one. Each
// is collected in memory and saved as soon as it is complete and verified.

import { withoutPeriod } from "../text.ts";
import { ParleyError } from "../errors.ts";
import { fetching as limits, tree } from "../limits.ts";
import type { FileOffer, TransferMessage, TreeEntry } from "../protocol/messages.ts";
import { Assembler, type ChunkStore } from "../transfer/assembler.ts";
import { chunkBytesFor, chunkCount, chunkLength } from "../transfer/chunks.ts";
import { RangeSet } from "../transfer/ranges.ts";
import { Batch } from "../transfer/tree/batch.ts";
import type { ListedFile, PlannedBatch } from "../transfer/tree/batch-plan.ts";
import type { TreeNode } from "../transfer/tree/manifest.ts";
import type { Attempt } from "./attempt.ts";
import type { Incoming, Wanted } from "./incoming.ts";
import { SaveQueue } from "./save-queue.ts";

export interface BatchDownloadOptions {
  /** The folder's name on the server. */
  readonly name: string;
  readonly planned: PlannedBatch;
  /** Saves a file. May throw. */
  save(node: TreeNode, bytes: Uint8Array): void;
  /** Bytes requested ahead of what has been saved (default: limits.ts). */
  readonly aheadBytes?: number | undefined;
  /** Called after each turn of an attempt. */
  onTurn(): void;
  /** Called while files are being saved, between other work. May throw. */
  onWork(): void;
}

/** A file that has arrived in part. */
interface Gathering {
  readonly bytes: Uint8Array;
  received: number;
}

export class BatchDownload implements Incoming, ChunkStore {
  readonly #options: BatchDownloadOptions;
  #batch: Batch<ListedFile>;
  #version: string;
  /** Files that have not arrived yet. */
  readonly #wanted = new Set<TreeNode>();
  /** Files that have arrived and are not saved yet. */
  readonly #arrived: SaveQueue<TreeNode>;
  /** Files that have changed since they were listed. */
  readonly #lost = new Set<TreeNode>();
  #gathering = new Map<number, Gathering>();
  /** The server's new list, sent because the batch has changed. */
  #newList: TreeEntry[] = [];
  /** The attempt requests the whole batch, whatever it contains. */
  #requestsAll = true;
  #assembler: Assembler | undefined;
  #offer: FileOffer | undefined;
  #attempt: Attempt | undefined;
  #horizonSet = 0;
  #progressBase = 0;

  constructor(options: BatchDownloadOptions) {
    this.#options = options;
    this.#arrived = new SaveQueue({
      save: (node, bytes) => options.save(node, bytes),
      beforeSlice: () => options.onWork(),
      onSlice: () => this.handleTurn(),
      onFailure: (error) => this.#attempt?.fail(error),
    });
    this.#batch = options.planned.batch;
    this.#version = versionOf(this.#batch);
    for (const { node } of this.#batch.files) if (node !== undefined) this.#wanted.add(node);
  }

  /** Files that have changed since they were listed; each must be fetched separately. */
  get lost(): ReadonlySet<TreeNode> {
    return this.#lost;
  }

  /** Files that have not arrived. */
  get left(): ReadonlySet<TreeNode> {
    return this.#wanted;
  }

  get progressBytes(): number {
    return this.#progressBase + (this.#assembler?.lastingProgress ?? 0);
  }

  wanted(): Wanted {
    const { after, until } = this.#options.planned;
    this.#newList = [];
    const wanted = this.#assembler?.missing() ?? this.#missing();
    const [first] = wanted;
    this.#requestsAll = wanted.length === 1 && first?.[0] === 0 && first[1] === this.#batch.size;
    return {
      ...(this.#requestsAll ? {} : { wanted }),
      heldBytes: 0,
      batch: { after, until, version: this.#version },
      onList: (entries) => this.#addToList(entries),
      onMessage: (message) => this.#handleMessage(message),
    };
  }

  attach(attempt: Attempt): void {
    this.#attempt = attempt;
    attempt.setHorizon((this.#horizonSet = this.#horizon()));
  }

  detach(): void {
    this.#attempt = undefined;
  }

  handleOffer(offer: FileOffer): Assembler | undefined {
    const isNew = offer.version !== this.#version;
    if (isNew) this.#handleNewList();
    const { size, chunkBytes } = offer;
    const isValid = offer.version === this.#version && size === this.#batch.size;
    if (!isValid || chunkBytes !== chunkBytesFor(size)) {
      throw new ParleyError(
        "protocol",
        `The server's offer of files in '${this.#shown}' is not what it has listed.`,
      );
    }
    this.#offer = offer;
    // The attempt's requests were based on the old list.
    if (isNew && !this.#requestsAll) return undefined;
    return (this.#assembler ??= this.#newAssembler(offer));
  }

  handleTurn(): void {
    const horizon = this.#horizon();
    if (horizon - this.#horizonSet >= this.#aheadBytes / limits.horizonSteps) {
      this.#horizonSet = horizon;
      this.#attempt?.setHorizon(horizon);
    }
    this.#options.onTurn();
  }

  /** Resolves when everything that has arrived is saved. @throws what can't be saved */
  finish(): Promise<void> {
    return this.#arrived.settled();
  }

  close(): void {
    const unsaved = this.#arrived.drop();
    if (unsaved.length === 0) return;
    // They have to arrive once more.
    for (const node of unsaved) this.#wanted.add(node);
    this.#forgetChunks();
  }

  stalled(reason: ParleyError): ParleyError {
    const { size } = this.#wanted;
    const files = size === 1 ? "one file" : `${size} files`;
    const kept = "what has arrived is kept, fetch again to resume";
    const sentence = `No progress, with ${files} of '${this.#shown}' to come: ${withoutPeriod(reason.message)}; ${kept}`;
    return new ParleyError("stalled", sentence);
  }

  /** Extracts the files from verified bytes. */
  write(offset: number, bytes: Uint8Array): boolean {
    this.#arrived.startSlice();
    let at = 0;
    for (const { file, index, start, length } of this.#batch.parts(offset, bytes.length)) {
      const part = bytes.subarray(at, at + length);
      at += length;
      if (file.node === undefined || !this.#wanted.has(file.node)) continue;
      if (length === file.size) this.#save(file.node, part);
      else this.#gather(index, file, start, part);
    }
    return false;
  }

  /** Chunks without a wanted file count as held; there is nothing to read for them. */
  read(_offset: number, into: Uint8Array): number {
    return into.length;
  }

  get #shown(): string {
    return `${this.#options.name}/`;
  }

  #save(node: TreeNode, bytes: Uint8Array): void {
    this.#arrived.add(node, bytes);
    this.#wanted.delete(node);
  }

  #gather(index: number, file: ListedFile, start: number, part: Uint8Array): void {
    let gathering = this.#gathering.get(index);
    if (gathering === undefined) {
      gathering = { bytes: new Uint8Array(file.size), received: 0 };
      this.#gathering.set(index, gathering);
    }
    gathering.bytes.set(part, start);
    gathering.received += part.length;
    if (gathering.received < file.size || file.node === undefined) return;
    this.#gathering.delete(index);
    this.#save(file.node, gathering.bytes);
  }

  #handleMessage(message: TransferMessage): void {
    if (message.type !== "gone" || message.transfer !== this.#offer?.transfer) return;
    const node = this.#batch.files[message.file]?.node;
    if (node !== undefined && this.#wanted.has(node)) this.#lose(node);
    this.#gathering.delete(message.file);
  }

  #lose(node: TreeNode): void {
    this.#wanted.delete(node);
    this.#lost.add(node);
  }

  /** @throws ParleyError `protocol` if there are more entries than a batch can have */
  #addToList(entries: readonly TreeEntry[]): void {
    if (this.#newList.length + entries.length > tree.maxBatchFiles) {
      const sentence = `The server's list of files in '${this.#shown}' does not end.`;
      throw new ParleyError("protocol", sentence);
    }
    this.#newList.push(...entries);
  }

  /**
   * Handles the server's new list for the batch. Files that differ from the first list are lost.
   */
  #handleNewList(): void {
    const before = new Map(this.#batch.files.map((file) => [file.path, file]));
    const batch = new Batch<ListedFile>();
    const found = new Set<TreeNode>();
    for (const { path, size, modified } of this.#newList) {
      const known = before.get(path);
      const isSame = known?.size === size && known.modified === modified;
      const node = isSame ? known.node : undefined;
      if (node !== undefined) found.add(node);
      if (!batch.add({ path, size, modified, node })) break;
    }
    for (const node of this.#wanted) if (!found.has(node)) this.#lose(node);
    this.#batch = batch;
    this.#version = versionOf(batch);
    this.#newList = [];
    this.#forgetChunks();
  }

  #forgetChunks(): void {
    this.#progressBase = this.progressBytes;
    this.#assembler = undefined;
    this.#gathering = new Map();
  }

  #newAssembler({ size, chunkBytes }: FileOffer): Assembler {
    const held = new Map<number, string>();
    const missing = new RangeSet(this.#missing());
    for (let index = 0; index < chunkCount(size, chunkBytes); index++) {
      const start = index * chunkBytes;
      const end = start + chunkLength(index, size, chunkBytes);
      if (!missing.meets(start, end)) held.set(index, "");
    }
    return new Assembler({ size, chunkBytes, store: this, hashOf: () => "", held });
  }

  /** The chunks that contain wanted files. */
  #missing(): [number, number][] {
    const { files, size } = this.#batch;
    const chunkBytes = chunkBytesFor(size);
    const missing = new RangeSet();
    files.forEach(({ node, size: bytes }, index) => {
      if (node === undefined || !this.#wanted.has(node)) return;
      const start = this.#batch.offsetOf(index);
      const last = Math.ceil((start + bytes) / chunkBytes) * chunkBytes;
      missing.add(start - (start % chunkBytes), Math.min(size, last));
    });
    return missing.toArray();
  }

  /** As in download.ts: requesting beyond it would fill the memory. */
  #horizon(): number {
    const front = this.#assembler?.presentFront ?? this.#missing()[0]?.[0] ?? 0;
    return front + this.#aheadBytes - this.#arrived.bytes;
  }

  get #aheadBytes(): number {
    return this.#options.aheadBytes ?? limits.aheadBytes;
  }
}

function versionOf(batch: Batch<ListedFile>): string {
  return batch.version((text) => new Bun.CryptoHasher("sha256").update(text).digest("base64url"));
}
