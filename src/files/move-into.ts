// Gives a file its final name in one step, without ever replacing a file that must not be: by
// whatever means the file system has.

import { closeSync, linkSync, openSync, renameSync, rmSync } from "node:fs";
import { renameNoReplace } from "../io/file-calls.ts";
import { quietly } from "./cleanup.ts";

/**
 * False, and nothing done, if the name is taken and not to be replaced. Throws what the file system
 * throws.
 */
export function moveInto(
  from: string,
  to: string,
  replace: boolean,
  rename: typeof renameNoReplace = renameNoReplace,
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
    if (hasCode(error, "EEXIST")) return false;
    // No hard links here (FAT, many network file systems).
    return moveOverPlaceholder(from, to);
  }
  rmSync(from, { force: true });
  return true;
}

/** Reserves the name with an empty file, which the rename then replaces. */
function moveOverPlaceholder(from: string, to: string): boolean {
  try {
    closeSync(openSync(to, "wx"));
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
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

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
