// `NAME.part` with its journal and lock: what a fetch writes to, and what the next one resumes.
// Knows files, not how they are fetched.

import {
  type BigIntStats,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  futimesSync,
  lstatSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  type Stats,
  writeSync,
} from "node:fs";
import { basename, dirname } from "node:path";
import { ParleyError } from "../errors.ts";
import { journal as limits } from "../limits.ts";
import type { ChunkStore } from "../transfer/assembler.ts";
import {
  decodeJournal,
  encodeChunks,
  encodeHead,
  type Journal,
  type JournalHead,
  type WrittenChunk,
} from "../transfer/journal.ts";
import { quietly } from "./cleanup.ts";
import { checkFolderOf, fileReason } from "./file-reason.ts";
import { moveInto } from "./move-into.ts";
import { checkRoom } from "./free-room.ts";
import { partPathOf } from "./part-path.ts";
import { PartLock } from "./part-lock.ts";

/**
 * Number of attempts, in case the file is finished and renamed, or replaced, while it is being
 * opened.
 */
const openTries = 5;

/** What `blocks` counts, whatever the blocks of the file system (stat(2)). */
const blockBytes = 512;

/** Permissions of a file whose sender has not said any. */
const usualMode = 0o644;

/** Paths that are tried for the partial file: other programs use names like `NAME.part`, too. */
const partTries = 9;

export class PartialFile implements ChunkStore {
  /** The path of the complete file. */
  readonly path: string;
  readonly #part: string;
  readonly #lock: PartLock;
  readonly #data: number;
  readonly #journal: number;
  readonly #existed: boolean;
  /** The open file's, whatever its name becomes. Read once, since wine forgets part of it. */
  readonly #identity: BigIntStats;
  #left: Journal | undefined;
  #head: JournalHead | undefined;
  #closed = false;

  private constructor(path: string, opened: Opened) {
    this.path = path;
    this.#part = opened.part;
    this.#existed = opened.existed;
    this.#data = opened.data;
    this.#lock = opened.lock;
    this.#identity = opened.identity;
    this.#journal = openOwn(`${this.#part}.journal`, constants.O_APPEND);
  }

  /**
   * Acquires the lock and loads what an earlier fetch left, unless `resume` is false. The folder
   * must exist. `mode`: the permissions of a new file. @throws ParleyError `locked`, `storage`
   */
  static open(path: string, resume: boolean, mode = usualMode): PartialFile {
    checkFolderOf(path);
    let opened: Opened | undefined;
    let part: PartialFile | undefined;
    try {
      opened = openLocked(path, mode);
      part = new PartialFile(path, opened);
      if (resume) part.#load();
      return part;
    } catch (error) {
      quietly(() => {
        if (part !== undefined) return part.close();
        if (opened === undefined) return;
        closeSync(opened.data);
        opened.lock.release();
      });
      throw asOpenError(error, path);
    }
  }

  /** Removes the leftovers of a fetch that was killed after completing its file. */
  static removeLeftovers(path: string): void {
    const complete = lstatOf(path);
    if (complete === undefined) return;
    for (const part of partsOf(path)) {
      const left = lstatOf(part);
      if (left !== undefined && !isSameFile(left, complete)) continue;
      if (left !== undefined) rmSync(part, { force: true });
      rmSync(`${part}.journal`, { force: true });
    }
  }

  /** How much of the disk an earlier fetch of the file at `path` occupies. */
  static heldBytes(path: string): number {
    const part = partsOf(path).find(isOwn);
    const left = part === undefined ? undefined : lstatOf(part);
    return Number(left?.blocks ?? 0n) * blockBytes;
  }

  /** The path of the partial file. */
  get part(): string {
    return this.#part;
  }

  /** What an earlier fetch left, if usable. */
  get left(): Journal | undefined {
    return this.#left;
  }

  /**
   * Whether the disk has room for what a file of `size` bytes lacks. Other programs must not lose
   * the rest of it to a file that does not fit. @throws ParleyError `storage`
   */
  checkRoom(size: number): void {
    const heldBytes = this.#guard(() => fstatSync(this.#data).blocks * blockBytes);
    checkRoom(dirname(this.path), basename(this.path), size - heldBytes);
  }

  /** Starts over with an empty file; discards previous contents. */
  begin(head: JournalHead): void {
    this.#head = head;
    this.#left = undefined;
    this.#guard(() => {
      ftruncateSync(this.#journal, 0);
      ftruncateSync(this.#data, 0);
      append(this.#journal, encodeHead(head));
    });
  }

  write(offset: number, bytes: Uint8Array): boolean {
    this.#guard(() => {
      for (let done = 0; done < bytes.length;) {
        done += writeSync(this.#data, bytes, done, bytes.length - done, offset + done);
      }
    });
    return false;
  }

  read(offset: number, into: Uint8Array): number {
    return this.#guard(() => readSync(this.#data, into, 0, into.length, offset));
  }

  /** Records chunks in the journal; they must already be written. */
  record(chunks: readonly WrittenChunk[]): void {
    if (chunks.length > 0) this.#guard(() => append(this.#journal, encodeChunks(chunks)));
  }

  /**
   * The file is complete and verified: moves it into place and sets its modification time (Unix
   * milliseconds). @throws ParleyError `differs` if the name is taken by now, unless `replace`;
   * `storage`
   */
  finish(replace: boolean, modifiedMs: number): void {
    this.#guard(() => {
      const { size } = this.#head ?? { size: 0 };
      if (fstatSync(this.#data).size !== size) ftruncateSync(this.#data, size);
      // The verified bytes are those of the open file, so the name must still refer to it.
      this.#checkName(this.#part);
      // A network file system may report only on closing that it could not store everything.
      closeSync(openSync(this.#part, constants.O_WRONLY | (constants.O_NOFOLLOW ?? 0)));
      // Some file systems do not support this.
      quietly(() => futimesSync(this.#data, new Date(), new Date(modifiedMs)));
      if (!moveInto(this.#part, this.path, replace)) throw takenMeanwhile(this.path);
      this.#checkName(this.path);
      // The file is in place; what is left of the journal is removed by the next fetch.
      quietly(() => rmSync(`${this.#part}.journal`, { force: true }));
      this.close();
    });
  }

  /** Leaves the file for the next fetch; removes it if nothing was ever begun. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#head === undefined && !this.#existed) {
      quietly(() => rmSync(this.#part, { force: true }));
      quietly(() => rmSync(`${this.#part}.journal`, { force: true }));
    }
    quietly(() => closeSync(this.#journal));
    quietly(() => this.#lock.release());
    closeSync(this.#data);
  }

  #load(): void {
    const path = `${this.#part}.journal`;
    if (fstatSync(this.#journal).size > limits.maxBytes) return;
    const found = decodeJournal(readFileSync(path, "utf8"));
    if (found === undefined) return;
    // Terminates a torn last line, so that it does not swallow the next one.
    append(this.#journal, "\n");
    this.#head = found.head;
    this.#left = found;
  }

  #checkName(path: string): void {
    const named = lstatOf(path);
    if (named !== undefined && isSameFile(named, this.#identity)) return;
    const what = named === undefined ? "removed" : "replaced";
    throw new ParleyError(
      "storage",
      `'${path}' was ${what} by another program during the fetch: fetch again`,
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
  readonly part: string;
  readonly data: number;
  readonly lock: PartLock;
  readonly existed: boolean;
  readonly identity: BigIntStats;
}

/** Opens and locks the partial file, and makes sure that it still has its name once locked. */
function openLocked(path: string, mode: number): Opened {
  for (let i = 0; i < openTries; i++) {
    const part = ownPart(path);
    const existed = existsSync(part);
    const journal = `${part}.journal`;
    const hadJournal = lstatOf(journal) !== undefined;
    let data: number | undefined;
    try {
      // First, since a partial file without a journal belongs to another program.
      closeSync(openOwn(journal, constants.O_APPEND));
      data = openOwn(part, 0, mode);
      const lock = PartLock.take(data, part);
      const named = lstatOf(part);
      const identity = fstatSync(data, { bigint: true });
      if (named !== undefined && isSameFile(named, identity)) {
        return { part, data, lock, existed, identity };
      }
      lock.release();
      closeSync(data);
    } catch (error) {
      const fd = data;
      if (fd !== undefined) quietly(() => closeSync(fd));
      // Without its journal, a partial file would be taken for another program's.
      else if (!hadJournal && !existsSync(part)) quietly(() => rmSync(journal, { force: true }));
      throw error;
    }
  }
  const sentence = `Cannot write '${partPathOf(path)}': another program keeps replacing it.`;
  throw new ParleyError("storage", sentence);
}

/**
 * The first path for the partial file that an earlier fetch has used or that is free. @throws
 * ParleyError `storage` if other programs' files have all of them
 */
function ownPart(path: string): string {
  const parts = partsOf(path);
  const found = parts.find(isOwn) ?? parts.find((part) => !isForeign(part));
  if (found !== undefined) return found;
  const sentence = `Cannot write '${parts[0]}': other programs have files of that name. Choose another place with -o`;
  throw new ParleyError("storage", sentence);
}

/** All paths that a partial file may have. */
function partsOf(path: string): readonly string[] {
  return Array.from({ length: partTries }, (_, i) => partPathOf(path, i + 1));
}

function isOwn(part: string): boolean {
  return existsSync(part) && existsSync(`${part}.journal`);
}

/** Whether it is another program's file. A fetch creates the journal first, and removes it last. */
function isForeign(part: string): boolean {
  const isThere = (): boolean => {
    const found = lstatOf(part);
    return found !== undefined && (found.isFile() || found.isDirectory());
  };
  return isThere() && lstatOf(`${part}.journal`) === undefined && isThere();
}

/**
 * Opens a file for writing. Neither waits on a FIFO or device of that name nor follows a link;
 * replaces a file that has a second hard link.
 */
function openOwn(path: string, flags: number, mode = usualMode): number {
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDWR } = constants;
  const all = O_CREAT | O_RDWR | flags | (O_NONBLOCK ?? 0) | (O_NOFOLLOW ?? 0);
  const fd = openSync(path, all, mode);
  let stat: Stats | undefined;
  try {
    stat = fstatSync(fd);
    if (stat.isFile() && stat.nlink <= 1) return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  if (!stat.isFile()) {
    throw new ParleyError("storage", `Cannot write '${path}': it is not a regular file.`);
  }
  rmSync(path);
  return openSync(path, all | O_EXCL, mode);
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
    `Cannot write '${path}': ${fileReason(error)}; the partial file is kept, fetch again to resume`,
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
    `'${path}' was created by another program meanwhile; the fetched file is kept beside it: ` +
      "`--force` replaces it, `-o` saves it elsewhere.",
  );
}

function append(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
}
