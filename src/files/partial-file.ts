// `NAME.part` with its journal and its lock: what a fetch writes into, and where the next one
// resumes whatever happened. Knows files, not how they are fetched.

import {
  type BigIntStats,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { ParleyError } from "../errors.ts";
import { journal as limits } from "../limits.ts";
import type { ChunkStore } from "../transfer/assembler.ts";
import {
  decodeJournal,
  encodeChunks,
  encodeHead,
  type JournalHead,
} from "../transfer/journal.ts";
import { RangeSet } from "../transfer/ranges.ts";
import { quietly } from "./cleanup.ts";
import { fileReason, lookAt } from "./file-reason.ts";
import { moveInto } from "./move-into.ts";
import { partPathOf } from "./part-path.ts";
import { PartLock } from "./part-lock.ts";

/** A file may be finished and renamed, or replaced, just while it is being opened. */
const openTries = 5;

export class PartialFile implements ChunkStore {
  /** Where the file will be when it is complete. */
  readonly path: string;
  readonly #part: string;
  readonly #lock: PartLock;
  readonly #data: number;
  readonly #journal: number;
  readonly #existed: boolean;
  #head: JournalHead | undefined;
  #present = new RangeSet();
  #closed = false;

  private constructor(path: string, opened: Opened) {
    this.path = path;
    this.#part = partPathOf(path);
    this.#existed = opened.existed;
    this.#data = opened.data;
    this.#lock = opened.lock;
    this.#journal = openOwn(`${this.#part}.journal`, constants.O_APPEND);
  }

  /**
   * Takes the lock, and reads what an earlier fetch has left (unless `resume` is false). The folder
   * must exist.
   * @throws ParleyError `locked`, `storage`
   */
  static open(path: string, resume: boolean): PartialFile {
    checkFolder(path);
    const opened = openLocked(path);
    let part: PartialFile | undefined;
    try {
      part = new PartialFile(path, opened);
      if (resume) part.#load();
      return part;
    } catch (error) {
      quietly(() => {
        if (part !== undefined) return part.close();
        closeSync(opened.data);
        opened.lock.release();
      });
      throw asOpenError(error, path);
    }
  }

  /**
   * Removes what a fetch has left of a file that is complete by now: it died just before its end.
   */
  static removeLeftovers(path: string): void {
    const part = partPathOf(path);
    const left = lstatOf(part);
    const complete = lstatOf(path);
    if (left !== undefined && complete !== undefined && !isSameFile(left, complete)) return;
    if (left !== undefined) rmSync(part, { force: true });
    rmSync(`${part}.journal`, { force: true });
  }

  /** What an earlier fetch has left, if it is of use. */
  get left(): { head: JournalHead; present: RangeSet } | undefined {
    return this.#head && { head: this.#head, present: this.#present };
  }

  /** Starts from nothing; what was there before is discarded. */
  begin(head: JournalHead): void {
    this.#head = head;
    this.#present = new RangeSet();
    this.#guard(() => {
      ftruncateSync(this.#journal, 0);
      ftruncateSync(this.#data, 0);
      append(this.#journal, encodeHead(head));
    });
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#guard(() => {
      for (let done = 0; done < bytes.length;) {
        done += writeSync(this.#data, bytes, done, bytes.length - done, offset + done);
      }
    });
  }

  read(offset: number, into: Uint8Array): number {
    return this.#guard(() => readSync(this.#data, into, 0, into.length, offset));
  }

  /** Records these chunks, which must have been written before. */
  record(chunks: readonly (readonly [first: number, count: number])[]): void {
    if (chunks.length > 0) this.#guard(() => append(this.#journal, encodeChunks(chunks)));
  }

  /**
   * The file is complete and verified: gives it its name, with `replace` in place of whatever has
   * it.
   * @throws ParleyError `differs` if the name is taken by now and must not be replaced; `storage`
   */
  finish(replace: boolean): void {
    this.#guard(() => {
      const { size } = this.#head ?? { size: 0 };
      if (fstatSync(this.#data).size !== size) ftruncateSync(this.#data, size);
      // What was verified is what was written through the open file: its name must still be that
      // file's.
      this.#checkName(this.#part);
      if (!moveInto(this.#part, this.path, replace)) throw takenMeanwhile(this.path);
      this.#checkName(this.path);
      rmSync(`${this.#part}.journal`, { force: true });
      this.close();
    });
  }

  /** Leaves it as it is, for the next fetch; if nothing was ever begun, leaves nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#head === undefined && !this.#existed) {
      quietly(() => rmSync(this.#part, { force: true }));
      quietly(() => rmSync(`${this.#part}.journal`, { force: true }));
    }
    quietly(() => closeSync(this.#journal));
    quietly(() => this.#lock.release());
    // A network file system may only now say that it could not store everything.
    closeSync(this.#data);
  }

  #load(): void {
    const path = `${this.#part}.journal`;
    if (fstatSync(this.#journal).size > limits.maxBytes) return;
    const found = decodeJournal(readFileSync(path, "utf8"));
    if (found === undefined) return;
    // A torn last line must not swallow the next one.
    append(this.#journal, "\n");
    this.#head = found.head;
    this.#present = found.present;
    const { size } = fstatSync(this.#data);
    this.#present.remove(size, Number.MAX_SAFE_INTEGER);
  }

  #checkName(path: string): void {
    const named = lstatOf(path);
    if (named !== undefined && isSameFile(named, fstatSync(this.#data, { bigint: true }))) return;
    throw new ParleyError(
      "storage",
      `'${path}' was replaced by another program during the fetch: fetch again`,
    );
  }

  #guard<Value>(work: () => Value): Value {
    try {
      return work();
    } catch (error) {
      throw asStorageError(error, this.path);
    }
  }
}

interface Opened {
  readonly data: number;
  readonly lock: PartLock;
  readonly existed: boolean;
}

/** Opens and locks the file that has the name once it is locked. */
function openLocked(path: string): Opened {
  const part = partPathOf(path);
  for (let i = 0; i < openTries; i++) {
    const existed = existsSync(part);
    let data: number | undefined;
    try {
      data = openOwn(part, 0);
      const lock = PartLock.take(data, part);
      const named = lstatOf(part);
      if (named !== undefined && isSameFile(named, fstatSync(data, { bigint: true }))) {
        return { data, lock, existed };
      }
      lock.release();
      closeSync(data);
    } catch (error) {
      const fd = data;
      if (fd !== undefined) quietly(() => closeSync(fd));
      throw asOpenError(error, path);
    }
  }
  throw new ParleyError("storage", `Cannot write '${part}': another program keeps replacing it.`);
}

/**
 * Opens a file of ours for writing. A FIFO or a device of that name is not waited for, a link not
 * followed; a file with a second name (a hard link) is not written through: it is replaced.
 */
function openOwn(path: string, flags: number): number {
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;
  const all = O_CREAT | O_RDWR | flags | (O_NONBLOCK ?? 0) | (O_NOFOLLOW ?? 0);
  const fd = openSync(path, all, 0o644);
  const stat = fstatSync(fd);
  if (stat.isFile() && stat.nlink <= 1) return fd;
  closeSync(fd);
  if (!stat.isFile()) {
    throw new ParleyError("storage", `Cannot write '${path}': it is not a regular file.`);
  }
  rmSync(path);
  return openSync(path, all | O_EXCL, 0o644);
}

function asOpenError(error: unknown, path: string): ParleyError {
  if (error instanceof ParleyError) return error;
  const hint = "Choose another place with -o";
  return new ParleyError("storage", `Cannot write '${path}': ${fileReason(error)}. ${hint}`);
}

function asStorageError(error: unknown, path: string): ParleyError {
  if (error instanceof ParleyError) return error;
  return new ParleyError(
    "storage",
    `Cannot write '${path}': ${fileReason(error)}; what has arrived is kept, fetch again to resume`,
  );
}

function lstatOf(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

function isSameFile(a: BigIntStats, b: BigIntStats): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}

function takenMeanwhile(path: string): ParleyError {
  return new ParleyError(
    "differs",
    `'${path}' has been created by another program meanwhile; what was fetched is kept beside it: ` +
      "`--force` replaces it, `-o` saves it elsewhere.",
  );
}

function append(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
}

/** A missing folder may be misspelled: it is not created, as cp and curl would not. */
function checkFolder(path: string): void {
  const folder = dirname(path);
  const stat = lookAt(folder);
  if (stat?.isDirectory()) return;
  const problem = stat === undefined ? "there is no folder" : "not a folder:";
  throw new ParleyError(
    "storage",
    `Cannot write '${path}': ${problem} '${folder}'. Create it first, or choose another place with -o`,
  );
}
