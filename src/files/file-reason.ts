// What the operating system says when a file can't be looked at, made or written, in words.

import { type Stats, statSync } from "node:fs";
import { harmless } from "../text.ts";
import { ParleyError } from "../errors.ts";

const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "it can only be read there",
  ENOSPC: "the disk is full",
  EDQUOT: "your share of the disk is full",
  // the folder is there: it is one in which nobody makes files, such as /proc
  ENOENT: "no file can be made there",
  EEXIST: "a file of that name is there",
  ENOTDIR: "a part of the path is no folder",
  EISDIR: "it is a folder",
  ENAMETOOLONG: "the name is too long",
  ELOOP: "a link leads nowhere, or is not followed here",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  EIO: "the disk failed",
};

/** What is there; undefined for nothing. @throws ParleyError `storage` where that can't be known, and nothing can be written either */
export function lookAt(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    const hint = "choose another place with -o";
    throw new ParleyError("storage", `Cannot write '${path}': ${fileReason(error)}; ${hint}`);
  }
}

/** Why a file could not be made or opened for writing, in a few words. */
export function fileReason(error: unknown): string {
  const code =
    error !== null && typeof error === "object" && "code" in error ? String(error.code) : "";
  const known = Object.hasOwn(reasons, code) ? reasons[code] : undefined;
  return known ?? harmless(error instanceof Error ? error.message : String(error));
}
