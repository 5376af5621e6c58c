// One fetch of a name at a time: a lock on the partial file itself, held by the kernel, so that it
// is gone with its process. Where the file system knows no such lock, SQLite's on a file beside it
// does the same.

import { Database } from "bun:sqlite";
import { rmSync, statSync } from "node:fs";
import { ParleyError } from "../errors.ts";
import { lockFile } from "../io/file-calls.ts";

/** Another fetch may be removing the lock file that is being opened. */
const tries = 5;

export class PartLock {
  #database: Database | undefined;
  readonly #lockPath: string;

  private constructor(lockPath: string, database?: Database) {
    this.#lockPath = lockPath;
    this.#database = database;
  }

  /**
   * `fd` is the open partial file, `part` its path. Closing `fd` releases the lock, and so must
   * `release`.
   * @throws ParleyError `locked` while another fetch holds it
   */
  static take(fd: number, part: string, lock: typeof lockFile = lockFile): PartLock {
    const lockPath = `${part}.lock`;
    const outcome = lock(fd);
    if (outcome === "held") throw locked(part);
    if (outcome === "locked") return new PartLock(lockPath);
    return new PartLock(lockPath, lockBeside(lockPath, part));
  }

  release(): void {
    if (this.#database === undefined) return;
    rmSync(this.#lockPath, { force: true });
    this.#database.close();
    this.#database = undefined;
  }
}

function lockBeside(lockPath: string, part: string): Database {
  for (let i = 0; i < tries; i++) {
    const database = new Database(lockPath, { create: true });
    try {
      const opened = inodeOf(lockPath);
      database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
      // Between opening and locking, its last holder may have removed it.
      if (opened !== undefined && inodeOf(lockPath) === opened) return database;
      database.close();
    } catch (error) {
      database.close();
      if (error instanceof Error && "code" in error && error.code === "SQLITE_BUSY") break;
      throw error;
    }
  }
  throw locked(part);
}

function inodeOf(path: string): bigint | undefined {
  return statSync(path, { throwIfNoEntry: false, bigint: true })?.ino;
}

function locked(part: string): ParleyError {
  return new ParleyError(
    "locked",
    `Another fetch is writing '${part}': wait for it, or save to another name with -o`,
  );
}
