// Moves a file or a folder into place in one step, without ever replacing anything.

import { mkdirSync, renameSync, rmdirSync } from "node:fs";
import { systemCode } from "../../../errors.ts";
import { quietly } from "../../../files/cleanup.ts";
import { moveInto } from "../../../files/move-into.ts";
import { renameNoReplace } from "../../../io/file-calls.ts";

/** Returns false, without doing anything, if `to` exists. Throws the file system's errors. */
export function moveToPlace(from: string, to: string, isFolder: boolean): boolean {
  if (!isFolder) return moveInto(from, to, false);
  const outcome = renameNoReplace(from, to);
  if (outcome !== "unsupported") return outcome === "renamed";
  // An empty folder reserves the name. Renaming replaces it only as long as it is empty.
  try {
    mkdirSync(to);
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  }
  try {
    // Windows never renames onto a folder.
    if (process.platform === "win32") rmdirSync(to);
    renameSync(from, to);
  } catch (error) {
    quietly(() => rmdirSync(to));
    throw error;
  }
  return true;
}
