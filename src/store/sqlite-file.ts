// Opening a data file: told from foreign and damaged files before a byte is written, made whole or
// not at all, held by one server at a time. Knows nothing of what the tables mean.

import { Database, SQLiteError } from "bun:sqlite";
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
} from "node:fs";
import { renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { quoted } from "../text.ts";
import { ParleyError } from "../errors.ts";
import { history as limits } from "../limits.ts";
import { readMeta, writeMeta } from "./sqlite-meta.ts";
import { applicationId, migrate, schemaVersion, shapeOf } from "./sqlite-schema.ts";
import { newEpoch } from "./store.ts";

/** What a commit waits for: `normal` survives the death of any process, `full` a power loss too. */
export type Synchronous = "normal" | "full";

/** Runs a query; what SQLite throws becomes a ParleyError. */
export type Read = <T>(query: () => T) => T;

export type DataFile = {
  db: Database;
  epoch: string;
  /** Moves the write-ahead log into the file and lets others have it. */
  close(): void;
};

/** Offsets in the first page of every SQLite file (sqlite.org/fileformat2.html, section 1.3). */
const header = {
  bytes: 100,
  magic: "SQLite format 3\0",
  userVersion: 60,
  applicationId: 68,
} as const;

/**
 * Opens the file, makes it if there is none, brings an older one up to date. Throws ParleyError
 * `storage` that names the path and the way out; a file that is refused is left as it is.
 */
export function openDataFile(given: string, synchronous: Synchronous): DataFile {
  const path = checkPlace(given);
  look(path);
  const lock = takeLock(path);
  let db: Database | undefined;
  try {
    // Another server may have made it, and gone, before the lock was ours.
    if (look(path).isNew) create(path);
    else checkContent(path);
    db = new Database(path, { readwrite: true, strict: true });
    db.run("PRAGMA journal_mode = WAL");
    db.run(`PRAGMA synchronous = ${synchronous}`);
    // Transactions see to it (sqlite-transactions.ts).
    db.run("PRAGMA wal_autocheckpoint = 0");
    migrate(db, versionOf(db), schemaVersion, Date.now());
    const epoch = readMeta(db, "epoch");
    if (epoch === undefined) throw damaged(path, "it has no epoch");
    const open = db;
    return { db, epoch, close: () => close(open, lock) };
  } catch (error) {
    db?.close();
    lock.release();
    throw error instanceof ParleyError ? error : storageError(path, "opened", error);
  }
}

/** What SQLite said, as a sentence for people. `done` is what could not be done with the file. */
export function storageError(
  path: string,
  done: "opened" | "locked" | "written" | "read",
  error: unknown,
): ParleyError {
  const code = error instanceof SQLiteError ? (error.code ?? "") : "";
  const isRunning = done === "written" || done === "read";
  const known = isRunning ? reasons : [...startReasons, ...reasons];
  const why = known.find(([prefix]) => code.startsWith(prefix))?.[1];
  const detail = why ?? (error instanceof Error ? error.message : String(error));
  return new ParleyError(
    "storage",
    `The data file ${quoted(path, 400)} can't be ${done}: ${detail}`,
  );
}

type Reason = readonly [code: string, reason: string];

/** Nothing is running yet that could go on by itself. */
const startReasons: readonly Reason[] = [
  ["SQLITE_FULL", "the disk is full; make space and start again"],
];

const reasons: readonly Reason[] = [
  ["SQLITE_FULL", "the disk is full; make space, it goes on by itself"],
  ["SQLITE_IOERR", "the disk reports an error; check its space and health"],
  ["SQLITE_READONLY", "it is read-only; make it writable or choose another --data"],
  ["SQLITE_CANTOPEN", "its directory can't be written; make it writable or choose another --data"],
  ["SQLITE_BUSY", "another program is writing to it; stop that one or choose another --data"],
  ["SQLITE_CORRUPT", "it is damaged; restore a backup or choose another --data"],
  ["SQLITE_NOTADB", "it is not a database; choose another --data"],
];

function refused(path: string, why: string): ParleyError {
  return new ParleyError("storage", `The data file ${quoted(path, 400)} ${why}`);
}

function damaged(path: string, how: string): ParleyError {
  return refused(
    path,
    `is damaged (${how}) and was left as it is: restore a backup, or choose another --data`,
  );
}

/**
 * Every path that a data file takes while it is open, being made or repaired: what a shared folder
 * must not serve. Links are followed; the file need not exist yet.
 */
export function dataFilePaths(given: string): string[] {
  const folder = dirname(given);
  const place = existsSync(folder) ? join(realpathSync(folder), basename(given)) : given;
  const path = existsSync(given) ? realpathSync(given) : place;
  const suffixes = ["", "-wal", "-shm", "-journal", "-lock", "-lock-journal"];
  return [...suffixes, ".new", ".new-journal"].map((suffix) => path + suffix);
}

/**
 * A link that leads nowhere may be a disk that is not mounted: a file made through it would be an
 * empty log elsewhere.
 */
function refuseDanglingLink(given: string): void {
  if (existsSync(given) || lstatSync(given, { throwIfNoEntry: false }) === undefined) return;
  const target = quoted(readlinkSync(given), 400);
  throw refused(
    given,
    `is a link to ${target}, which is not there: mount the disk that has it, or remove the link`,
  );
}

/** The real path, if a file can be there. */
function checkPlace(given: string): string {
  const path = existsSync(given) ? realpathSync(given) : given;
  const directory = dirname(path);
  if (!existsSync(directory)) {
    throw refused(
      given,
      `can't be made: there is no directory ${quoted(directory, 400)}. Make it first`,
    );
  }
  if (!statSync(directory).isDirectory()) {
    throw refused(given, `can't be made: ${quoted(directory, 400)} is not a directory`);
  }
  refuseDanglingLink(given);
  const found = existsSync(path) ? statSync(path) : undefined;
  if (found?.isDirectory()) {
    throw refused(given, "is a directory: name a file in it, such as parley.db");
  }
  if (found !== undefined && !found.isFile()) {
    throw refused(given, "is not a regular file: choose another --data");
  }
  try {
    if (found !== undefined) accessSync(path, constants.R_OK | constants.W_OK);
    accessSync(directory, constants.W_OK | constants.X_OK);
  } catch {
    throw refused(
      given,
      "can't be written by this user: change its rights, or choose another --data",
    );
  }
  return path;
}

/**
 * Whether the file is yet to be made. Refuses what can't be a data file of ours, without touching
 * anything.
 */
function look(path: string): { isNew: boolean } {
  const isNew = !existsSync(path) || statSync(path).size === 0;
  if (isNew) refuseOrphans(path);
  else checkHeader(path);
  return { isNew };
}

/** A log without its file would be replayed into the new file and spoil it. */
function refuseOrphans(path: string): void {
  for (const suffix of ["-wal", "-journal"]) {
    if (!existsSync(path + suffix)) continue;
    throw refused(
      path,
      `is missing, but ${quoted(basename(path) + suffix, 400)} is there: put the file back, or move that one away`,
    );
  }
}

/** Reads the header without SQLite, which would touch the file or its neighbours. */
function checkHeader(path: string): void {
  const bytes = Buffer.alloc(header.bytes);
  const fd = openSync(path, "r");
  const length = readSync(fd, bytes, 0, bytes.length, 0);
  closeSync(fd);
  if (length < header.bytes || bytes.toString("latin1", 0, 16) !== header.magic) {
    throw refused(path, "is not an SQLite file and was left as it is: choose another --data");
  }
  if (bytes.readUInt32BE(header.applicationId) !== applicationId) {
    throw refused(path, "belongs to another program and was left as it is: choose another --data");
  }
  checkVersion(path, bytes.readUInt32BE(header.userVersion));
}

function checkVersion(path: string, version: number): void {
  if (version <= schemaVersion) return;
  throw refused(
    path,
    `was written by a newer parley (version ${version}, this one knows ${schemaVersion}) and was left as it is: use that one, or choose another --data`,
  );
}

/**
 * A look through a read-only connection: is every page sound, and are the tables those of its
 * version?
 */
function checkContent(path: string): void {
  const beside = ["-wal", "-shm"]
    .map((suffix) => path + suffix)
    .filter((name) => !existsSync(name));
  let db: Database | undefined;
  try {
    db = new Database(path, { readonly: true });
    const version = versionOf(db);
    checkVersion(path, version);
    if (shapeOf(db) !== expectedShape(version)) {
      throw refused(
        path,
        "has other tables than parley makes and was left as it is: choose another --data",
      );
    }
    if (statSync(path).size > limits.checkBytes) return;
    const [problem] = db.query<{ quick_check: string }, []>("PRAGMA quick_check(1)").all();
    if (problem?.quick_check !== "ok") throw damaged(path, problem?.quick_check ?? "no answer");
  } catch (error) {
    if (error instanceof ParleyError) throw error;
    throw damaged(path, error instanceof Error ? error.message : String(error));
  } finally {
    db?.close();
    // A read-only connection makes them but can't remove them.
    for (const name of beside) rmSync(name, { force: true });
  }
}

function expectedShape(version: number): string {
  using db = new Database(":memory:");
  migrate(db, 0, version);
  return shapeOf(db);
}

/**
 * For its owner alone: private messages are in it as they were written. What SQLite puts beside it
 * takes its mode.
 */
const ownerOnly = 0o600;

/** An empty file, which SQLite takes for a new one. */
function makeEmpty(path: string): void {
  closeSync(openSync(path, "a", ownerOnly));
}

/** Made beside its place and renamed, so that a killed server leaves a whole file or none. */
function create(path: string): void {
  const made = `${path}.new`;
  for (const suffix of ["", "-journal"]) rmSync(made + suffix, { force: true });
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
    for (const suffix of ["", "-journal"]) rmSync(made + suffix, { force: true });
    throw error;
  }
}

function versionOf(db: Database): number {
  return db.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
}

/**
 * An exclusive lock on an empty SQLite file beside the data file: the system takes it back from
 * whoever dies.
 */
function takeLock(path: string): { release(): void } {
  const lockPath = `${path}-lock`;
  let lock: Database | undefined;
  try {
    if (!existsSync(lockPath)) makeEmpty(lockPath);
    lock = new Database(lockPath, { create: true });
    lock.run("BEGIN EXCLUSIVE");
    if (!existsSync(lockPath)) throw new Error("its holder has just left; try again");
  } catch (error) {
    lock?.close();
    if (error instanceof SQLiteError && error.code === "SQLITE_BUSY") {
      throw refused(
        path,
        "is in use by another parley server: stop that one, or choose another --data",
      );
    }
    throw storageError(path, "locked", error);
  }
  const held = lock;
  return {
    release() {
      rmSync(lockPath, { force: true });
      held.close();
    },
  };
}

function close(db: Database, lock: { release(): void }): void {
  try {
    db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch {
    // On a full disk the log stays beside the file, and is read at the next start.
  }
  db.close();
  lock.release();
}
