// The files of a batch, read as one file. Each is opened when its bytes are needed, and must still
// be the listed version; otherwise its bytes are zeros, and the receiver is notified.

import { constants, closeSync, fstatSync, readSync } from "node:fs";
import { lookAtOpen, lookOf } from "../../io/file-calls.ts";
import type { FolderCursor } from "../../io/open-folder.ts";
import { files as limits } from "../../limits.ts";
import type { Batch, BatchedFile, BatchPart } from "../../transfer/tree/batch.ts";
import type { OpenFile } from "./open-file.ts";
import { spellingOf } from "./shared-tree.ts";

export interface BatchSourceOptions {
  /** The folder's name, as requested. */
  readonly name: string;
  readonly batch: Batch<BatchedFile>;
  readonly version: string;
  /**
   * A position inside the shared folder, from which the names in `root` are resolved. Closed with
   * the batch.
   */
  readonly cursor: FolderCursor;
  readonly root: readonly string[];
  /** The file at this index is not the listed version. */
  onGone(index: number): void;
}

export class BatchSource implements OpenFile {
  readonly #options: BatchSourceOptions;
  /**
   * Change time of each file at its first read: 0 if it has not been read, NaN if it is missing or
   * changed.
   */
  readonly #changed: Float64Array;
  #isOpen = true;

  constructor(options: BatchSourceOptions) {
    this.#options = options;
    this.#changed = new Float64Array(options.batch.files.length);
  }

  get name(): string {
    return this.#options.name;
  }

  get size(): number {
    return this.#options.batch.size;
  }

  get version(): string {
    return this.#options.version;
  }

  /** A batch as a whole has no modification time. */
  readonly modified = 0;
  readonly path = "";
  /** Each file is checked when it is read. */
  readonly isUnsettled = false;

  read(target: Uint8Array, position: number): number {
    const { batch } = this.#options;
    let done = 0;
    for (const part of batch.parts(position, target.length)) {
      const into = target.subarray(done, done + part.length);
      if (!this.#readPart(part, into)) {
        into.fill(0);
        this.#lose(part.index);
      }
      done += part.length;
    }
    return done;
  }

  unchanged(): boolean {
    return this.#isOpen;
  }

  sizeNow(): number {
    return this.size;
  }

  close(): void {
    if (this.#isOpen) this.#options.cursor.close();
    this.#isOpen = false;
  }

  #lose(index: number): void {
    if (Number.isNaN(this.#changed[index])) return;
    this.#changed[index] = Number.NaN;
    this.#options.onGone(index);
  }

  /** False if the file is not, or not certainly, the listed version. */
  #readPart({ file, index, start, length }: BatchPart<BatchedFile>, into: Uint8Array): boolean {
    if (Number.isNaN(this.#changed[index]) || !this.#isOpen) return false;
    let fd: number | undefined;
    try {
      fd = this.#open(file.path);
      if (!this.#isListed(fd, file, index)) return false;
      for (let got = 0; got < length;) {
        const more = readSync(fd, into, got, length - got, start + got);
        if (more === 0) return false;
        got += more;
      }
      return this.#isListed(fd, file, index);
    } catch {
      return false;
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }

  #open(path: string): number {
    const { cursor, root } = this.#options;
    const names = path.split("/");
    const name = names.pop()!;
    const within = cursor.to(root.length === 0 ? names : [...root, ...names]);
    return within.openFile(spellingOf(within, name), openFlags);
  }

  /**
   * The times of a recently changed file may not reveal a further change: it is left to be fetched
   * on its own, where changes are detected.
   */
  #isListed(fd: number, { size, modified }: BatchedFile, index: number): boolean {
    const found = lookAtOpen(fd) ?? lookOf(fstatSync(fd));
    const { ctimeMs } = found;
    if (this.#changed[index] === 0) {
      if (Math.abs(Date.now() - ctimeMs) < limits.settleMs) return false;
      this.#changed[index] = ctimeMs;
    }
    const isSame = ctimeMs === this.#changed[index] && found.size === size;
    return isSame && Math.floor(found.mtimeMs) === modified && found.kind === "file";
  }
}

/** Neither waits on a FIFO nor follows a link. */
const openFlags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0);
