// The size of a file, or of a folder with its content; links are not followed.

import { lstatSync, readdirSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { sharing as limits } from "../../../limits.ts";
import type { Amount } from "./rows.ts";

/** Zero, if nothing is there. Yields to other work. Throws the file system's errors. */
export async function measureTree(path: string): Promise<Amount> {
  const all = { bytes: 0, files: 0, entries: 0 };
  const paths = [path];
  for (let looked = 1; paths.length > 0; looked++) {
    const at = paths.pop()!;
    const found = lstatSync(at, { throwIfNoEntry: false });
    if (found === undefined) continue;
    all.entries++;
    if (found.isDirectory()) for (const name of readdirSync(at)) paths.push(join(at, name));
    else {
      all.files++;
      all.bytes += found.size;
    }
    if (looked % limits.sliceEntries === 0) await new Promise<void>((go) => setImmediate(go));
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
