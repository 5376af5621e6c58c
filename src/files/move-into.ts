// Moves a file into place atomically, without ever replacing a file that must be kept, by whatever
// means the file system offers.

import { closeSync, linkSync, openSync, renameSync, rmSync } from "node:fs";
import { systemCode } from "../errors.ts";
import { type Renamed, renameNoReplace } from "../io/file-calls.ts";
import { quietly } from "./cleanup.ts";

/**
 * Renames `from` to `to`. Returns false without doing anything if `to` exists and `replace` is
 * false. Throws the file system's errors.
 */
export function moveInto(
  from: string,
  to: string,
  replace: boolean,
  rename: (from: string, to: string) => Renamed = renameNoReplace,
  link: typeof linkSync = linkSync,
): boolean {
  if (replace) {
    renameSync(from, to);
    return true;
  }
  const outcome = rename(from, to);
  if (outcome !== "unsupported") return outcome === "renamed";
  try {
    link(from, to);
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    // No hard links here (FAT, many network file systems).
    return moveOverPlaceholder(from, to);
  }
  rmSync(from, { force: true });
  return true;
}

/** Reserves the name with an empty file, then replaces that. */
function moveOverPlaceholder(from: string, to: string): boolean {
  try {
    closeSync(openSync(to, "wx"));
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  }
  try {
    renameSync(from, to);
  } catch (error) {
    quietly(() => rmSync(to));
    throw error;
  }
  return true;
}
