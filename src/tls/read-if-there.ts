// Reads a file that may be missing. A dangling link does not count as a missing file: the disk it
// points to may not be mounted yet, and its contents must not be treated as unknown.

import { lstatSync, readFileSync, type Stats, statSync } from "node:fs";
import { systemCode } from "../errors.ts";

/**
 * Undefined if there is no such file.
 * @throws the file system's errors, and an error if the file is a dangling link, or no regular file
 */
export function readIfThere(
  path: string,
  stat: (path: string) => Stats = statSync,
): string | undefined {
  try {
    // Reading a FIFO would wait for ever.
    if (!stat(path).isFile()) throw new Error("it is not a regular file");
    return readFileSync(path, "utf8");
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
    const there = lstatSync(path, { throwIfNoEntry: false });
    if (there === undefined) return undefined;
    // Another program has created it meanwhile.
    if (!there.isSymbolicLink()) return readIfThere(path);
    const why =
      "it is a link to something that does not exist: mount the disk it is on, or remove the link";
    throw new Error(why, { cause: error });
  }
}
