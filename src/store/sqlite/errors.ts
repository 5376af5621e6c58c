// Failures of a data file as sentences for people: the path, the reason, what to do.

import { SQLiteError } from "bun:sqlite";
import { ParleyError, systemReason } from "../../errors.ts";
import { quoted } from "../../text.ts";

type Reason = readonly [code: string, reason: string];

/** A running server retries. */
const fullWhileRunning: Reason = [
  "SQLITE_FULL",
  "the disk is full; free some space, the server will retry",
];
const fullAtStart: Reason = ["SQLITE_FULL", "the disk is full; free some space and start again"];

const reasons: readonly Reason[] = [
  ["SQLITE_IOERR", "the disk reports an error; check its free space and health"],
  ["SQLITE_READONLY", "it is read-only; make it writable or choose another --data"],
  ["SQLITE_CANTOPEN", "its folder can't be written; make it writable or choose another --data"],
  ["SQLITE_BUSY", "another program is writing to it; stop it or choose another --data"],
  // Also what SQLite says if the disk fails while it reads.
  [
    "SQLITE_CORRUPT",
    "it is damaged, or its disk fails; check the disk, then restore a backup or choose another --data",
  ],
  ["SQLITE_NOTADB", "it is not a database; choose another --data"],
];

/** Converts what SQLite threw. `action` describes what failed. */
export function storageError(
  path: string,
  action: "created" | "opened" | "locked" | "written" | "read",
  error: unknown,
): ParleyError {
  const code = error instanceof SQLiteError ? (error.code ?? "") : "";
  const isRunning = action === "written" || action === "read";
  const known = [isRunning ? fullWhileRunning : fullAtStart, ...reasons];
  const reason = known.find(([prefix]) => code.startsWith(prefix))?.[1];
  const detail = reason ?? systemReason(error);
  return refused(path, `can't be ${action}: ${detail}`);
}

/** Whether SQLite could not read the file, whatever it contains. */
export function isUnreadable(error: unknown): boolean {
  const code = error instanceof SQLiteError ? (error.code ?? "") : "";
  return /^SQLITE_(BUSY|CANTOPEN|FULL|IOERR|NOMEM|PERM|READONLY)/.test(code);
}

/** Reads JSON from the file. `what`: what it belongs to. @throws ParleyError `storage` */
export function readStored<T>(json: string, what: string): T {
  try {
    return JSON.parse(json);
  } catch {
    throw new ParleyError("storage", `${what} is damaged in the data file: restore a backup`);
  }
}

export function refused(path: string, why: string): ParleyError {
  return new ParleyError("storage", `The data file ${quoted(path, 400)} ${why}`);
}

export function damaged(path: string, how: string): ParleyError {
  return refused(
    path,
    `is damaged (${how}) and was left as it is: restore a backup, or choose another --data`,
  );
}
