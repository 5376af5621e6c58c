// Reads a file that need not be there. A link to what does not exist is no missing file: the disk it
// points to may not be mounted yet, and what is in the file must not be taken for unknown.

import { lstatSync, readFileSync } from "node:fs";

/**
 * Undefined: there is none.
 * @throws what the file system throws, and an error if the file is a dangling link
 */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") throw error;
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
    const why = "it is a link to what does not exist: mount the disk it is on, or remove the link";
    throw new Error(why, { cause: error });
  }
}
