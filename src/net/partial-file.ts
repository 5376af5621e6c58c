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
import type { Store } from "../transfer/assembly.ts";
import { decodeJournal, encodeChunks, encodeHead, type JournalHead } from "../transfer/journal.ts";
import { RangeSet } from "../transfer/ranges.ts";
import { FetchLock } from "./fetch-lock.ts";
import { fileReason } from "./file-reason.ts";

export class PartialFile implements Store {
  /** Where the file will be when it is whole. */
  readonly path: string;
  readonly #lock: FetchLock;
  readonly #data: number;
  readonly #journal: number;
  readonly #existed: boolean;
  #head: JournalHead | undefined;
  #present = new RangeSet();
  #closed = false;

  private constructor(path: string, lock: FetchLock) {
    this.path = path;
    this.#lock = lock;
    this.#existed = existsSync(`${path}.part`);
    const { O_CREAT, O_RDWR, O_APPEND } = constants;
    this.#data = openRegular(`${path}.part`, O_CREAT | O_RDWR);
    this.#journal = openRegular(`${path}.part.journal`, O_CREAT | O_RDWR | O_APPEND);
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

  /** Writes down that these chunks are there. They must have been written before. */
  note(chunks: readonly (readonly [first: number, count: number])[]): void {
    if (chunks.length > 0) this.#guard(() => append(this.#journal, encodeChunks(chunks)));
  }

  /** The file is whole and verified: it gets its name, in place of whatever had it. */
  finish(): void {
    this.#guard(() => {
      const { size } = this.#head ?? { size: 0 };
      if (fstatSync(this.#data).size !== size) ftruncateSync(this.#data, size);
      renameSync(`${this.path}.part`, this.path);
      rmSync(`${this.path}.part.journal`, { force: true });
    });
    this.close();
  }

  /** Leaves it as it is, for the next fetch; if nothing was ever begun, leaves nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#head === undefined && !this.#existed) {
      rmSync(`${this.path}.part`, { force: true });
      rmSync(`${this.path}.part.journal`, { force: true });
    }
    closeSync(this.#data);
    closeSync(this.#journal);
    this.#lock.release();
  }

  #load(): void {
    const path = `${this.path}.part.journal`;
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
      const why = error instanceof Error ? error.message : String(error);
      throw new ParleyError("storage", `Cannot write '${this.path}': ${why}`);
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

function append(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
}

/** A folder that is not there may be misspelled: it is not made, as no cp or curl would. */
function checkFolder(path: string): void {
  const folder = dirname(path);
  const stat = statSync(folder, { throwIfNoEntry: false });
  if (stat?.isDirectory()) return;
  const problem = stat === undefined ? "there is no folder" : "no folder is";
  throw new ParleyError(
    "storage",
    `Cannot write '${path}': ${problem} '${folder}'. Make it first, or choose another place with -o`,
  );
}
