// The size of a file, or of a folder with its content; links are not followed.

import { lstatSync } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { WorkSlices } from "../../../files/work-slices.ts";
import type { Amount } from "./rows.ts";

/** Zero, if nothing is there. Yields to other work. Throws the file system's errors. */
export async function measureTree(path: string): Promise<Amount> {
  const all = { bytes: 0, files: 0, entries: 0 };
  const paths = [path];
  const slices = new WorkSlices();
  for (let at = paths.pop(); at !== undefined; at = paths.pop()) {
    if (slices.isOver) await slices.rest();
    const found = lstatSync(at, { throwIfNoEntry: false });
    if (found === undefined) continue;
    all.entries++;
    if (found.isDirectory()) for (const name of await readdir(at)) paths.push(join(at, name));
    else {
      all.files++;
      all.bytes += found.size;
    }
  }
  return all;
}

/** Resolves when a file's content is on the disk, so that it survives a power failure. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
