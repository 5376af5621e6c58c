// Allows only one fetch at a time to write a partial file: a kernel lock on the file, released when
// the process ends. On file systems without such locks, SQLite's lock on a neighbouring file
// replaces it.

import type { Database } from "bun:sqlite";
import { rmSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { ParleyError, systemCode } from "../errors.ts";
import { lockFile } from "../io/file-calls.ts";

/** Number of attempts, in case another fetch removes the lock file while it is being opened. */
const tries = 5;

export class PartLock {
  #database: Database | undefined;
  readonly #lockPath: string;

  private constructor(lockPath: string, database?: Database) {
    this.#lockPath = lockPath;
    this.#database = database;
  }

  /**
   * Locks the partial file `part`, open as `fd`. To unlock it, call `release` and close `fd`.
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
  // Loaded here, since hardly any fetch needs it: that takes 2 ms.
  const sqlite = process.getBuiltinModule("bun:sqlite") as typeof import("bun:sqlite");
  for (let i = 0; i < tries; i++) {
    // bun:sqlite leaves out white space at both ends of a path.
    const database = new sqlite.Database(resolve(lockPath), { create: true });
    try {
      const opened = inodeOf(lockPath);
      database.exec("PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
      // The previous holder may have removed it between opening and locking.
      if (opened !== undefined && inodeOf(lockPath) === opened) return database;
      database.close();
    } catch (error) {
      database.close();
      if (systemCode(error) === "SQLITE_BUSY") break;
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
