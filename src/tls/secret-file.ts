// Files that contain a secret: created atomically with access only for their owner, and rejected if
// others can read them.

import {
  closeSync,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  type Stats,
  unlinkSync,
} from "node:fs";
import { ParleyError, systemCode } from "../errors.ts";
import { quietly } from "../files/cleanup.ts";
import { moveInto } from "../files/move-into.ts";
import { secretText } from "../secrets.ts";
import { quoted } from "../text.ts";
import { writeNewFile } from "./new-file.ts";

/**
 * Reads a file that only its owner may read; undefined if there is none. `content` describes the
 * contents, for errors.
 * @throws ParleyError `failed`, and the file system's errors
 */
export function readSecretFile(
  path: string,
  content: string,
  lstat: (path: string) => Stats = lstatSync,
): string | undefined {
  let fd: number;
  try {
    // Opening a FIFO would wait for ever. The pipe of a `<(…)` is a link to one.
    const found = lstat(path);
    if (!found.isFile() && !found.isSymbolicLink()) throw notFile(path, content);
    fd = openSync(path, "r");
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there === undefined) return undefined;
    // Another program has created it meanwhile.
    if (!there.isSymbolicLink()) return readSecretFile(path, content);
    // The disk it points to may not be mounted.
    throw new ParleyError(
      "failed",
      `${quoted(path, 300)}, for ${content}, is a link to something that does not exist: mount the disk it is on, or remove the link`,
    );
  }
  try {
    if (fstatSync(fd).isDirectory()) throw notFile(path, content);
    if (isOpenToOthers(fd) && keepsModes(path)) {
      throw new ParleyError(
        "failed",
        `${quoted(path, 300)} holds ${content}, and others can read it: chmod 600 it`,
      );
    }
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}

function notFile(path: string, content: string): ParleyError {
  return new ParleyError("failed", `${quoted(path, 300)}, for ${content}, is not a file`);
}

function isOpenToOthers(fd: number): boolean {
  return process.platform !== "win32" && (fstatSync(fd).mode & 0o077) !== 0;
}

/** On file systems without modes, such as exFAT, the mount options decide who may read. */
function keepsModes(path: string): boolean {
  const probe = `${path}.${secretText(6)}`;
  try {
    const fd = openSync(probe, "wx", 0o600);
    const isOpen = isOpenToOthers(fd);
    closeSync(fd);
    unlinkSync(probe);
    return !isOpen;
  } catch {
    return true;
  }
}

/**
 * Creates a complete file with access only for its owner, or nothing; does not replace an existing
 * file.
 * @throws the file system's errors
 */
export function createSecretFile(path: string, content: string): void {
  const temporary = `${path}.${secretText(6)}`;
  try {
    writeNewFile(temporary, content);
    moveInto(temporary, path, false);
  } finally {
    // Usually it has been moved.
    quietly(() => unlinkSync(temporary));
  }
}
