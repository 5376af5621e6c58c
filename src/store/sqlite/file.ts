// Opens a data file: creates it atomically, migrates an older one, and locks it against other
// servers. Knows nothing about the contents of its tables.

import { Database, SQLiteError } from "bun:sqlite";
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { ParleyError } from "../../errors.ts";
import { steadyMs } from "../../io/clock.ts";
import { quietly } from "../../files/cleanup.ts";
import { newEpoch } from "../server-store.ts";
import { checkContent, checkPlace, isMissing } from "./checks.ts";
import { damaged, refused, storageError } from "./errors.ts";
import { fileAt, isStill, PlaceCheck } from "./place-check.ts";
import { readMeta, writeMeta } from "./meta.ts";
import { applicationId, migrate, schemaVersion, versionOf } from "./schema.ts";

/** What a commit survives: `normal` the crash of a process, `full` also a power failure. */
export type Synchronous = "normal" | "full";

export type DataFile = {
  db: Database;
  epoch: string;
  /** To be checked before each transaction. */
  place: PlaceCheck;
  /** Checkpoints the write-ahead log and releases the lock. */
  close(): void;
};

/**
 * A rejected file stays unchanged.
 * @throws ParleyError `storage`
 */
export function openDataFile(given: string, synchronous: Synchronous): DataFile {
  const path = checkPlace(given);
  // Rejects anything that is not a data file before a lock file is created next to it.
  isMissing(path);
  const lock = new DataLock(path);
  let db: Database | undefined;
  try {
    // Another server may have created it before this one obtained the lock.
    if (isMissing(path)) create(path);
    else checkContent(path);
    db = new Database(path, { readwrite: true, strict: true });
    db.run("PRAGMA journal_mode = WAL");
    db.run(`PRAGMA synchronous = ${synchronous}`);
    // Deleted content is overwritten, not just marked free.
    db.run("PRAGMA secure_delete = ON");
    // sqlite/transactions.ts decides when to checkpoint.
    db.run("PRAGMA wal_autocheckpoint = 0");
    migrate(db, versionOf(db), schemaVersion, Date.now());
    const epoch = readMeta(db, "epoch");
    if (epoch === undefined) throw damaged(path, "it has no epoch");
    const open = db;
    const place = new PlaceCheck(path, lock, steadyMs());
    return { db, epoch, place, close: () => close(open, lock) };
  } catch (error) {
    db?.close();
    lock.release();
    throw error instanceof ParleyError ? error : storageError(path, "opened", error);
  }
}

/**
 * All paths that a data file uses, including those used during creation, so that they are never
 * served from a shared folder. Links are followed. The file need not exist.
 */
export function dataFilePaths(given: string): string[] {
  const directory = dirname(given);
  const place = existsSync(directory) ? join(realpathSync(directory), basename(given)) : given;
  const path = existsSync(given) ? realpathSync(given) : place;
  const suffixes = ["", "-wal", "-shm", "-journal", "-lock", "-lock-journal"];
  return [...suffixes, ".new", ".new-journal"].map((suffix) => path + suffix);
}

/**
 * The file contains private messages in plain text. SQLite applies the mode to its other files too.
 */
const ownerOnly = 0o600;

/**
 * SQLite treats an empty file as a new database. A link that leads nowhere is not followed: the
 * file would be created elsewhere.
 */
function makeEmpty(path: string): void {
  const { O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;
  closeSync(openSync(path, O_CREAT | O_WRONLY | (O_NOFOLLOW ?? 0), ownerOnly));
}

/**
 * Creates it under a temporary name first, so that a killed server leaves either a complete file or
 * none.
 */
function create(path: string): void {
  const made = `${path}.new`;
  const clear = (): void => {
    for (const suffix of ["", "-journal"]) rmSync(made + suffix, { force: true });
  };
  clear();
  let db: Database | undefined;
  try {
    makeEmpty(made);
    db = new Database(made, { create: true });
    db.run(`PRAGMA application_id = ${applicationId}`);
    migrate(db, 0, schemaVersion, Date.now());
    writeMeta(db, "epoch", newEpoch());
    db.close(true);
    renameSync(made, path);
  } catch (error) {
    db?.close();
    quietly(clear);
    throw error;
  }
}

/**
 * An exclusive lock on an empty SQLite file next to the data file. Released when the process ends.
 */
class DataLock {
  readonly #path: string;
  #held: Database;
  #file: string | undefined;
  /** Another server has it, and may have written to the data file since: this one can't go on. */
  #isLost = false;

  /** @throws ParleyError `storage` */
  constructor(path: string) {
    this.#path = path;
    const taken = this.#take();
    if (taken === undefined) {
      const wayOut = "stop it, or choose another --data";
      throw refused(path, `is in use by another parley server: ${wayOut}`);
    }
    this.#held = taken;
    this.#file = fileAt(this.#lockPath);
  }

  get #lockPath(): string {
    return `${this.#path}-lock`;
  }

  /**
   * Takes the lock again if its file was removed, which looks like a leftover.
   * @throws ParleyError `storage`
   */
  keep(): void {
    if (!this.#isLost) {
      if (isStill(this.#lockPath, this.#file)) return;
      const taken = this.#take();
      if (taken !== undefined) {
        this.#held.close();
        this.#held = taken;
        this.#file = fileAt(this.#lockPath);
        return;
      }
      this.#isLost = true;
    }
    throw refused(
      this.#path,
      "is in use by another parley server as well, since its -lock file was removed: stop both, then start one",
    );
  }

  release(): void {
    // Another server may have it since its file was removed.
    if (isStill(this.#lockPath, this.#file)) rmSync(this.#lockPath, { force: true });
    this.#held.close();
  }

  /** Undefined if another server has it. @throws ParleyError `storage` */
  #take(): Database | undefined {
    const lockPath = this.#lockPath;
    let db: Database | undefined;
    try {
      if (!existsSync(lockPath)) makeEmpty(lockPath);
      db = new Database(lockPath, { create: true });
      db.run("BEGIN EXCLUSIVE");
      if (!existsSync(lockPath)) throw new Error("its holder has just exited; try again");
      return db;
    } catch (error) {
      db?.close();
      if (error instanceof SQLiteError && error.code === "SQLITE_BUSY") return undefined;
      throw storageError(this.#path, "locked", error);
    }
  }
}

function close(db: Database, lock: DataLock): void {
  try {
    db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch {
    // On a full disk the log stays next to the file and is replayed at the next start.
  }
  db.close();
  lock.release();
}
