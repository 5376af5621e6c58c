// How much room a disk has.

import { statfsSync } from "node:fs";

export type FreeRoom = { readonly bytes: number; readonly blockBytes: number };

/** Undefined: the file system does not say. Some have no number of blocks at all, such as ramfs. */
export function freeRoom(folder: string): FreeRoom | undefined {
  try {
    const { blocks, bavail, bsize } = statfsSync(folder);
    return blocks > 0 ? { bytes: bavail * bsize, blockBytes: bsize } : undefined;
  } catch {
    return undefined;
  }
}
