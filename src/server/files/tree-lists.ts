// The trees that one connection lists, and the batches that it requests of them. Lists are sent line by
// line, no faster than the connection takes them, and end with it.

import { ParleyError } from "../../errors.ts";
import { files as limits, tree } from "../../limits.ts";
import type { FetchRequest, Ref, TreeEntry, TreePage } from "../../protocol/messages.ts";
import { Batch, type BatchedFile, isBatched } from "../../transfer/tree/batch.ts";
import { comparePaths } from "../../transfer/tree/tree-path.ts";
import { BatchSource } from "./batch-source.ts";
import type { TreeFolder } from "./file-folder.ts";
import type { FileControl } from "./file-control.ts";
import type { OpenFile } from "./open-file.ts";

export class TreeLists {
  readonly #tree: TreeFolder;
  readonly #control: FileControl;
  #running = 0;
  #closed = false;

  constructor(tree: TreeFolder, control: FileControl) {
    this.#tree = tree;
    this.#control = control;
  }

  /** Sends all that is in a folder. @throws ParleyError `not-found`, `full` */
  list(name: string, after: string | undefined, ref: Ref | undefined): Promise<void> {
    return this.#run(async () => {
      const pages = new Pages((page) => this.#send({ ...page, ref }));
      for await (const slice of this.#tree.walk(name, after)) {
        if (this.#closed) return;
        for (const entry of slice) pages.add(entry);
        await this.#untilTaken();
      }
      pages.end();
    });
  }

  /**
   * Opens the small files that a request asks for, and sends their list if it is not the one that
   * the client has. `onGone`: as of `BatchSource`.
   * @throws ParleyError `not-found`, `full`
   */
  open(request: FetchRequest, onGone: (index: number) => void): Promise<Opened | undefined> {
    return this.#run(async () => {
      const { name, ref, batch: { after, until, version: known } = {} } = request;
      const { batch, entries } = await this.#gather(name, after, until);
      if (this.#closed) return undefined;
      const version = batch.version(sha256);
      if (version !== known) {
        const pages = new Pages((page) => this.#send({ ...page, more: true, ref }));
        for (const entry of entries) pages.add(entry);
        pages.end();
      }
      const root = name === "" ? [] : name.split("/");
      const cursor = this.#tree.cursor(name);
      const file = new BatchSource({ name, batch, version, cursor, root, onGone });
      return { file, memoryBytes: batch.memoryBytes };
    });
  }

  close(): void {
    this.#closed = true;
  }

  async #gather(
    name: string,
    after: string | undefined,
    until: string | undefined,
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
    this.#running++;
    try {
      return await work();
    } finally {
      this.#running--;
    }
  }

  async #untilTaken(): Promise<void> {
    const waiting = () => this.#control.waitingBytes?.() ?? 0;
    while (!this.#closed && waiting() > limits.maxControlBytes) await Bun.sleep(limits.controlRetryMs);
  }

  #send(page: TreePage): void {
    if (!this.#closed) this.#control.send(page);
  }
}

interface Opened {
  readonly file: OpenFile;
  /** What the batch takes in memory. */
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
    // A path takes at most six times its length as JSON; numbers and field names less than 100.
    const bytes = JSON.stringify(entry.path).length * 3 + 100;
    if (this.#entries.length === tree.pageEntries || this.#bytes + bytes > tree.pageBytes) {
      this.#send({ type: "tree", entries: this.#entries, more: true });
      this.#entries = [];
      this.#bytes = 0;
    }
    this.#entries.push(entry);
    this.#bytes += bytes;
  }

  /** Sends the rest. */
  end(): void {
    this.#send({ type: "tree", entries: this.#entries });
  }
}

function sha256(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("base64url");
}
