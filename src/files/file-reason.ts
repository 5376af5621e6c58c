// Why a file can't be inspected, read, created or written, in words.

import { lstatSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import { harmless } from "../text.ts";
import { type ErrorCode, ParleyError, systemCode, systemReason } from "../errors.ts";

const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file system allows no file of that size",
  EINVAL: "the file system does not allow that name",
  // The folder exists, but files can't be created in it, as in /proc.
  ENOENT: "files cannot be created there",
  EEXIST: "a file of that name exists",
  ENOTDIR: "a part of the path is not a folder",
  EISDIR: "it is a folder",
  ENAMETOOLONG: "the name is too long",
  ELOOP: "it is a link, which is not followed here",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  ENOMEM: "there is not enough memory",
  EIO: "the disk failed",
  ESTALE: "the network file system no longer knows it",
};

/**
 * What `path` is, or where it leads; undefined if it does not exist.
 * @throws ParleyError `storage` if that can't be determined, so that nothing can be written
 */
export function lookAt(path: string, follow = true): Stats | undefined {
  try {
    return (follow ? statSync : lstatSync)(path, { throwIfNoEntry: false });
  } catch (error) {
    const hint = "choose another place with -o";
    throw new ParleyError("storage", `Cannot write '${path}': ${fileReason(error)}; ${hint}`);
  }
}

/**
 * Checks that the folder of `path` exists: a missing one may be a typo, so it is not created; cp
 * and curl do not either. @throws ParleyError `storage`
 */
export function checkFolderOf(path: string): void {
  const folder = dirname(path);
  const found = lookAt(folder);
  if (found?.isDirectory()) return;
  const problem = found === undefined ? "there is no folder" : "not a folder:";
  const hint = "Create it first, or choose another place with -o";
  throw new ParleyError("storage", `Cannot write '${path}': ${problem} '${folder}'. ${hint}`);
}

/** Errors that concern only one file: others can still be fetched. */
export const ownFailures: ReadonlySet<ErrorCode> = new Set([
  "not-found",
  "differs",
  "locked",
  "changed",
  "unreadable",
]);

/** Why a file could not be created or opened for writing, in a few words. */
export function fileReason(error: unknown): string {
  const code = systemCode(error);
  const known = Object.hasOwn(reasons, code) ? reasons[code] : undefined;
  return known ?? harmless(systemReason(error));
}

/** Why a file could not be read, in a few words. */
export function readReason(error: unknown): string {
  return systemCode(error) === "ENOENT" ? "there is no such file or folder" : fileReason(error);
}
