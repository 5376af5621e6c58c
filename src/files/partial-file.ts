// `NAME.part` with its journal and its lock: what a fetch writes into, and where the next one goes on after anything.
// Knows files, not how they are fetched.

import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  ftruncateSync,
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
import { FetchLock, isLinked } from "./fetch-lock.ts";
import { fileReason, lookAt } from "./file-reason.ts";
import { partPathOf } from "./part-path.ts";

export class PartialFile implements ChunkStore {
  /** Where the file will be when it is whole. */
  readonly path: string;
  readonly #part: string;
  readonly #lock: FetchLock;
  readonly #data: number;
  readonly #journal: number;
  readonly #existed: boolean;
  #head: JournalHead | undefined;
  #present = new RangeSet();
  #closed = false;

  private constructor(path: string, lock: FetchLock) {
    this.path = path;
    this.#part = partPathOf(path);
    this.#lock = lock;
    this.#existed = existsSync(this.#part);
    const { O_CREAT, O_RDWR, O_APPEND } = constants;
    this.#data = openRegular(this.#part, O_CREAT | O_RDWR);
    this.#journal = openRegular(`${this.#part}.journal`, O_CREAT | O_RDWR | O_APPEND);
  }

  /**
   * Takes the lock, and reads what an earlier fetch has left (unless `resume` is false). The folder must be there.
   * @throws ParleyError `locked`, `storage`
   */
  static open(path: string, resume: boolean): PartialFile {
    checkFolder(path);
    const lock = FetchLock.take(path);
    try {
      const part = new PartialFile(path, lock);
      if (resume) part.#load();
      return part;
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** What an earlier fetch has left, if that is of use. */
  get left(): { head: JournalHead; present: RangeSet } | undefined {
    return this.#head && { head: this.#head, present: this.#present };
  }

  /** Begins a file from nothing; what was there before is thrown away. */
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
   * The file is whole and verified: it gets its name; with `replace` in place of whatever has it.
   * @throws ParleyError `differs` where there is something by now that must not be replaced; `storage`
   */
  finish(replace: boolean): void {
    const part = this.#part;
    this.#guard(() => {
      const { size } = this.#head ?? { size: 0 };
      if (fstatSync(this.#data).size !== size) ftruncateSync(this.#data, size);
      if (replace) renameSync(part, this.path);
      else if (!isLinked(part, this.path)) throw cameMeanwhile(this.path);
      rmSync(part, { force: true });
      rmSync(`${part}.journal`, { force: true });
    });
    this.close();
  }

  /** Leaves it as it is, for the next fetch; if nothing was ever begun, leaves nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#head === undefined && !this.#existed) {
      rmSync(this.#part, { force: true });
      rmSync(`${this.#part}.journal`, { force: true });
    }
    closeSync(this.#data);
    closeSync(this.#journal);
    this.#lock.release();
  }

  #load(): void {
    const path = `${this.#part}.journal`;
    if (statSync(path).size > limits.maxBytes) return;
    const found = decodeJournal(readFileSync(path, "utf8"));
    if (found === undefined) return;
    // what was damaged at the end must not swallow the next line
    this.#guard(() => append(this.#journal, "\n"));
    this.#head = found.head;
    this.#present = found.present;
    const { size } = fstatSync(this.#data);
    this.#present.remove(size, Number.MAX_SAFE_INTEGER);
  }

  #guard<Value>(work: () => Value): Value {
    try {
      return work();
    } catch (error) {
      if (error instanceof ParleyError) throw error;
      throw new ParleyError(
        "storage",
        `Cannot write '${this.path}': ${fileReason(error)}; what has come is kept, fetch again to go on`,
      );
    }
  }
}

/** A FIFO or a device of that name is not waited for, a link not followed. */
function openRegular(path: string, flags: number): number {
  let fd: number;
  try {
    const { O_NONBLOCK, O_NOFOLLOW } = constants;
    fd = openSync(path, flags | (O_NONBLOCK ?? 0) | (O_NOFOLLOW ?? 0), 0o644);
  } catch (error) {
    throw new ParleyError("storage", `Cannot open '${path}': ${fileReason(error)}`);
  }
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw new ParleyError("storage", `Cannot write '${path}': it is no regular file.`);
}

function cameMeanwhile(path: string): ParleyError {
  return new ParleyError(
    "differs",
    `'${path}' has been made by somebody else meanwhile; what was fetched is kept beside it: ` +
      "`--force` replaces it, `-o` saves it elsewhere.",
  );
}

function append(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
}

/** A folder that is not there may be misspelled: it is not made, as no cp or curl would. */
function checkFolder(path: string): void {
  const folder = dirname(path);
  const stat = lookAt(folder);
  if (stat?.isDirectory()) return;
  const problem = stat === undefined ? "there is no folder" : "no folder is";
  throw new ParleyError(
    "storage",
    `Cannot write '${path}': ${problem} '${folder}'. Make it first, or choose another place with -o`,
  );
}
