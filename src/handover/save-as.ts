// Where a file that somebody sends is saved: under its own name or, if that is taken by another file,
// under the next that is free. The same file, sent again, goes to the same place.

import { lstatSync } from "node:fs";
import { join } from "node:path";
import { ParleyError } from "../errors.ts";
import { isFileName } from "../files/fetch-targets.ts";
import { isSameTime } from "../files/local-copy.ts";
import { offers as limits } from "../limits.ts";
import type { FileInfo } from "../protocol/messages.ts";
import { quoted } from "../text.ts";

/**
 * The path for a file, or for a folder (whose name ends with a `/`).
 * @throws ParleyError `protocol` for a name that no file can have; `differs`
 */
export function pathFor(folder: string, { name, size, modified }: FileInfo, from: string): string {
  const isFolder = name.endsWith("/");
  const plain = isFolder ? name.slice(0, -1) : name;
  // Whoever sends may be hostile: no path, and nothing that a terminal or another system would read.
  if (!isFileName(plain) || /[\\/\u0000-\u001f\u007f]/.test(plain)) {
    const sentence = `${quoted(from)} sends ${quoted(name, 200)}, which is no name for a file: nothing was saved.`;
    throw new ParleyError("protocol", sentence);
  }
  for (let n = 1; n <= limits.maxNameTries; n++) {
    const path = join(folder, n === 1 ? plain : numbered(plain, n));
    // A link is something else than what is sent, wherever it leads.
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return path;
    // What is in a folder is compared file by file.
    if (isFolder && found.isDirectory()) return path;
    const isSame = found.isFile() && found.size === size && isSameTime(found.mtimeMs, modified);
    if (!isFolder && isSame) return path;
  }
  const sentence = `There are ${limits.maxNameTries} files like ${quoted(plain, 200)} in ${quoted(folder, 200)}: move them away`;
  throw new ParleyError("differs", sentence);
}

/** `a (2).txt` */
function numbered(name: string, n: number): string {
  const dot = name.lastIndexOf(".");
  const at = dot > 0 ? dot : name.length;
  return `${name.slice(0, at)} (${n})${name.slice(at)}`;
}
