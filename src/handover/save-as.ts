// Where a received file is saved: under its own name or, if another file has that name, under the
// next free one. The same file, sent again, gets the same path.

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
 * @throws ParleyError `protocol` for an invalid file name; `differs`
 */
export function pathFor(folder: string, { name, size, modified }: FileInfo, from: string): string {
  const isFolder = name.endsWith("/");
  const plain = isFolder ? name.slice(0, -1) : name;
  // The sender may be hostile: no path, and no character that a terminal or another system would
  // interpret.
  if (!isFileName(plain) || /[\\/\u0000-\u001f\u007f]/.test(plain)) {
    const sentence = `${quoted(from)} sends ${quoted(name, 200)}, which is no name for a file: nothing was saved.`;
    throw new ParleyError("protocol", sentence);
  }
  for (let n = 1; n <= limits.maxNameTries; n++) {
    const path = join(folder, n === 1 ? plain : numbered(plain, n));
    // A link is never the received file, wherever it leads.
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return path;
    // The content of a folder is compared file by file.
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
