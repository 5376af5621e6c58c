// The trees that one connection lists, and the batches that it requests from them. Lists are sent
// line by line, no faster than the connection accepts them, and end with it.

import { ParleyError } from "../../errors.ts";
import { files as limits, tree } from "../../limits.ts";
import type {
  BatchRequest,
  FetchRequest,
  Ref,
  TreeEntry,
  TreePage,
} from "../../protocol/messages.ts";
import type { ShareCounts } from "../../share-counts.ts";
import type { ShareOwner } from "../../share-owner.ts";
import { Batch, type BatchedFile, isBatched } from "../../transfer/tree/batch.ts";
import { comparePaths } from "../../transfer/tree/tree-path.ts";
import { BatchSource } from "./batch-source.ts";
import type { TreeFolder } from "./file-folder.ts";
import type { FileControl } from "./file-control.ts";
import type { OpenFile } from "./open-file.ts";

/** Counts the small files that are remembered for clients that have listed them. */
interface ToldRoom {
  files: number;
}

/** The count for all connections. */
const toldToAll: ToldRoom = { files: 0 };

export class TreeLists {
  readonly #tree: TreeFolder;
  readonly #control: FileControl;
  readonly #owner: ShareOwner;
  readonly #walks: ShareCounts;
  readonly #room: ToldRoom;
  /** The listing sent to the client last: it will most likely request batches of it. */
  #told: ToldFiles | undefined;
  #running = 0;
  #closed = false;

  /** `walks`: counts walks of all connections by owner. */
  constructor(
    tree: TreeFolder,
    control: FileControl,
    owner: ShareOwner,
    walks: ShareCounts,
    room: ToldRoom = toldToAll,
  ) {
    this.#tree = tree;
    this.#room = room;
    this.#control = control;
    this.#owner = owner;
    this.#walks = walks;
  }

  /** Sends everything below a folder. @throws ParleyError `not-found`, `full` */
  list(name: string, after: string | undefined, ref: Ref | undefined): Promise<void> {
    return this.#run(async () => {
      const pages = new Pages((page) => this.#send({ ...page, ref }));
      this.#told?.forget();
      const told = (this.#told = new ToldFiles(name, this.#room));
      for await (const slice of this.#tree.walk(name, after)) {
        if (this.#closed) return;
        for (const entry of slice) {
          pages.add(entry);
          told.add(entry);
        }
        await this.#untilTaken();
      }
      pages.end();
    });
  }

  /**
   * Opens the small files that a request selects, and sends their list if it differs from the one
   * that the client has. `onGone`: as in `BatchSource`.
   * @throws ParleyError `not-found`, `full`
   */
  open(request: FetchRequest, onGone: (index: number) => void): Promise<Opened | undefined> {
    return this.#run(async () => {
      const { name, ref, batch: bounds = {} } = request;
      const known = bounds.version;
      const told = this.#told?.batch(name, bounds);
      // Without another walk, the offer is sent before the first REQUEST arrives.
      if (told !== undefined && told.version(sha256) === known)
        return this.#open(name, told, known, onGone);
      const { batch, entries } = await this.#gather(name, bounds);
      if (this.#closed) return undefined;
      const version = batch.version(sha256);
      if (version !== known) {
        const pages = new Pages((page) => this.#send({ ...page, more: true, ref }));
        for (const entry of entries) pages.add(entry);
        pages.end();
      }
      return this.#open(name, batch, version, onGone);
    });
  }

  close(): void {
    this.#closed = true;
    this.#told?.forget();
  }

  #open(
    name: string,
    batch: Batch<BatchedFile>,
    version: string,
    onGone: (index: number) => void,
  ): Opened {
    const root = name === "" ? [] : name.split("/");
    const cursor = this.#tree.cursor(name);
    const file = new BatchSource({ name, batch, version, cursor, root, onGone });
    return { file, memoryBytes: batch.memoryBytes };
  }

  async #gather(
    name: string,
    { after, until }: BatchRequest,
  ): Promise<{ batch: Batch<BatchedFile>; entries: readonly TreeEntry[] }> {
    const batch = new Batch<BatchedFile>();
    const entries: TreeEntry[] = [];
    for await (const slice of this.#tree.walk(name, after)) {
      if (this.#closed) break;
      for (const entry of slice) {
        if (until !== undefined && comparePaths(entry.path, until) > 0) return { batch, entries };
        const { kind, path, size, modified } = entry;
        if (kind !== undefined || !isBatched(size)) continue;
        if (!batch.add({ path, size, modified })) return { batch, entries };
        entries.push(entry);
      }
    }
    return { batch, entries };
  }

  async #run<Value>(work: () => Promise<Value>): Promise<Value> {
    if (this.#running >= limits.maxWalksPerSession) {
      const sentence = `A connection may list ${limits.maxWalksPerSession} folders at once: wait for one.`;
      throw new ParleyError("full", sentence);
    }
    const full = this.#walks.full(this.#owner);
    if (full !== undefined) {
      const sentence = `${full.label} is already listing ${full.count} folders: wait for one.`;
      throw new ParleyError("full", sentence);
    }
    this.#running++;
    this.#walks.add(this.#owner);
    try {
      return await work();
    } finally {
      this.#running--;
      this.#walks.remove(this.#owner);
    }
  }

  async #untilTaken(): Promise<void> {
    const waiting = () => this.#control.waitingBytes?.() ?? 0;
    while (!this.#closed && waiting() > limits.maxControlBytes)
      await Bun.sleep(limits.controlRetryMs);
  }

  #send(page: TreePage): void {
    if (!this.#closed) this.#control.send(page);
  }
}

/** The small files of a listing, as far as there is room to remember them. */
class ToldFiles {
  readonly #name: string;
  readonly #room: ToldRoom;
  #files: BatchedFile[] = [];
  #isWhole = true;

  constructor(name: string, room: ToldRoom) {
    this.#name = name;
    this.#room = room;
  }

  add({ kind, path, size, modified }: TreeEntry): void {
    if (kind !== undefined || !isBatched(size) || !this.#isWhole) return;
    const isFull =
      this.#files.length >= limits.toldPerSession || this.#room.files >= limits.toldFiles;
    if (isFull) return void (this.#isWhole = false);
    this.#files.push({ path, size, modified });
    this.#room.files++;
  }

  forget(): void {
    this.#room.files -= this.#files.length;
    this.#files = [];
    this.#isWhole = false;
  }

  /** The batch within these bounds, as far as it is remembered. */
  batch(name: string, { after, until }: BatchRequest): Batch<BatchedFile> | undefined {
    if (name !== this.#name) return undefined;
    const batch = new Batch<BatchedFile>();
    for (let i = after === undefined ? 0 : this.#after(after); i < this.#files.length; i++) {
      const file = this.#files[i]!;
      if (until !== undefined && comparePaths(file.path, until) > 0) break;
      if (!batch.add(file)) break;
    }
    return batch;
  }

  /** Index of the first file after a path. */
  #after(path: string): number {
    let low = 0;
    let high = this.#files.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (comparePaths(this.#files[middle]!.path, path) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

interface Opened {
  readonly file: OpenFile;
  /** The memory that the batch occupies. */
  readonly memoryBytes: number;
}

/** Fills lines with entries. */
class Pages {
  readonly #send: (page: TreePage) => void;
  #entries: TreeEntry[] = [];
  #bytes = 0;

  constructor(send: (page: TreePage) => void) {
    this.#send = send;
  }

  add(entry: TreeEntry): void {
    // A path takes at most six times its length as JSON; numbers and field names take less than 100
    // bytes.
    const bytes = JSON.stringify(entry.path).length * 3 + 100;
    if (this.#entries.length === tree.pageEntries || this.#bytes + bytes > tree.pageBytes) {
      this.#send({ type: "tree", entries: this.#entries, more: true });
      this.#entries = [];
      this.#bytes = 0;
    }
    this.#entries.push(entry);
    this.#bytes += bytes;
  }

  /** Sends the remaining entries. */
  end(): void {
    this.#send({ type: "tree", entries: this.#entries });
  }
}

function sha256(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("base64url");
}
