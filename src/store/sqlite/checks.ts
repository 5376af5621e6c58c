// Checks made before a data file is written to: its location, header, tables and pages. A rejected
// file stays unchanged, byte for byte, and so do the files next to it.

import { Database } from "bun:sqlite";
import { accessSync, closeSync, constants, existsSync, lstatSync, openSync } from "node:fs";
import { readlinkSync, readSync, realpathSync, rmSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { errorMessage, ParleyError, systemCode, systemReason } from "../../errors.ts";
import { quietly } from "../../files/cleanup.ts";
import { history as limits } from "../../limits.ts";
import { quoted } from "../../text.ts";
import { damaged, isUnreadable, refused, storageError } from "./errors.ts";
import { applicationId, migrate, schemaVersion, shapeOf, versionOf } from "./schema.ts";

/** Offsets in the first page of every SQLite file (sqlite.org/fileformat2.html, section 1.3). */
const header = {
  bytes: 100,
  magic: "SQLite format 3\0",
  userVersion: 60,
  applicationId: 68,
} as const;

/**
 * The real path of a file that can be read and written, or created.
 * @throws ParleyError `storage`
 */
export function checkPlace(given: string): string {
  const isNamed = hasName(given);
  // bun:sqlite leaves out white space at both ends of a path, and would open another file.
  const path = existsSync(given) ? realpathSync(given) : resolve(given);
  if (path !== path.trimEnd()) {
    throw refused(given, "has a name that ends in white space: choose another --data");
  }
  // Without its slash it would be a file, beside which there is no place for the state.
  if (given.endsWith("/") && !existsSync(given)) {
    throw refused(given, "names a folder: name a file in it, such as parley.db");
  }
  const directory = dirname(path);
  if (!existsSync(directory)) {
    throw refused(
      given,
      `can't be created: there is no folder ${quoted(directory, 400)}. Create it first`,
    );
  }
  if (!statSync(directory).isDirectory()) {
    throw refused(given, `can't be created: ${quoted(directory, 400)} is not a folder`);
  }
  if (isNamed) refuseDanglingLink(given);
  const found = existsSync(path) ? statSync(path) : undefined;
  if (found?.isDirectory()) {
    throw refused(given, "is a folder: name a file in it, such as parley.db");
  }
  if (found !== undefined && !found.isFile()) {
    throw refused(given, "is not a regular file: choose another --data");
  }
  refusePartOfOther(given, path);
  if (found !== undefined && found.nlink > 1) {
    throw refused(
      given,
      "has more than one name (hard links), and two servers could damage it: copy it, and name the copy",
    );
  }
  try {
    if (found !== undefined) accessSync(path, constants.R_OK | constants.W_OK);
    accessSync(directory, constants.W_OK | constants.X_OK);
  } catch {
    throw refused(
      given,
      "can't be written by this user: change its permissions, or choose another --data",
    );
  }
  return path;
}

/** Refuses what can't be looked at, which would count as missing below. */
function hasName(given: string): boolean {
  try {
    return lstatSync(given, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    // Explained better below.
    if (systemCode(error) === "ENOTDIR") return false;
    throw refused(given, `can't be opened: ${systemReason(error)}; choose another --data`);
  }
}

/**
 * The disk it points to may not be mounted. A file created through the link would be an empty log
 * in the wrong place.
 */
function refuseDanglingLink(given: string): void {
  if (existsSync(given)) return;
  const target = quoted(readlinkSync(given), 400);
  throw refused(
    given,
    `is a link to ${target}, which does not exist: mount the disk it is on, or remove the link`,
  );
}

/**
 * Files that SQLite, or the lock, creates next to a data file. An empty one looks like a new file.
 */
function refusePartOfOther(given: string, path: string): void {
  for (const suffix of ["-wal", "-shm", "-journal", "-lock", "-lock-journal"]) {
    const owner = path.slice(0, -suffix.length);
    if (!path.endsWith(suffix) || !existsSync(owner)) continue;
    throw refused(given, `is part of the data file ${quoted(owner, 400)}: choose another --data`);
  }
}

/**
 * Whether `path` is free for a new data file. Touches nothing.
 * @throws ParleyError `storage` if something else is there
 */
export function isMissing(path: string): boolean {
  const missing = !existsSync(path) || statSync(path).size === 0;
  if (missing) refuseOrphans(path);
  else checkHeader(path);
  return missing;
}

/** A write-ahead log without its file would be replayed into the new file and corrupt it. */
function refuseOrphans(path: string): void {
  for (const suffix of ["-wal", "-journal"]) {
    if (!existsSync(path + suffix)) continue;
    const orphan = quoted(basename(path) + suffix, 400);
    throw refused(
      path,
      `is missing, but ${orphan} exists: put the file back, or move that one away`,
    );
  }
}

/** Done without SQLite, which would touch the file or those next to it. */
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
  const versions = `version ${version}, this one knows ${schemaVersion}`;
  throw refused(
    path,
    `was written by a newer parley (${versions}) and was left as it is: use the newer version, or choose another --data`,
  );
}

/**
 * Checks over a read-only connection that the tables match the file's version and that all pages
 * are intact.
 * @throws ParleyError `storage`
 */
export function checkContent(path: string): void {
  // A read-only connection creates these files but can't remove them.
  const made = ["-wal", "-shm"].map((suffix) => path + suffix).filter((name) => !existsSync(name));
  let db: Database | undefined;
  try {
    db = new Database(path, { readonly: true });
    const version = versionOf(db);
    checkVersion(path, version);
    if (shapeOf(db) !== expectedShape(version)) {
      throw refused(
        path,
        "does not have parley's tables and was left as it is: choose another --data",
      );
    }
    if (statSync(path).size > limits.checkBytes) return;
    const [problem] = db.query<{ quick_check: string }, []>("PRAGMA quick_check(1)").all();
    if (problem?.quick_check !== "ok") throw damaged(path, problem?.quick_check ?? "no answer");
  } catch (error) {
    if (error instanceof ParleyError) throw error;
    // A disk that fails, or another program's lock, says nothing about the file.
    if (isUnreadable(error)) throw storageError(path, "opened", error);
    throw damaged(path, errorMessage(error));
  } finally {
    db?.close();
    quietly(() => made.forEach((name) => rmSync(name, { force: true })));
  }
}

function expectedShape(version: number): string {
  using db = new Database(":memory:");
  migrate(db, 0, version);
  return shapeOf(db);
}
