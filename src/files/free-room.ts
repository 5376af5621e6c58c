// How much room a disk has, and whether that is enough.

import { statfsSync } from "node:fs";
import { ParleyError } from "../errors.ts";
import { sizeText } from "../size-text.ts";
import { quoted } from "../text.ts";

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

/**
 * Refuses what the disk of `folder` has no room for, before it is written.
 * @throws ParleyError `storage`
 */
export function checkRoom(
  folder: string,
  name: string,
  neededBytes: number,
  room: FreeRoom | undefined = freeRoom(folder),
): void {
  if (room === undefined || neededBytes <= room.bytes) return;
  throw new ParleyError(
    "storage",
    `${quoted(name, 200)} needs ${sizeText(neededBytes)}, and '${folder}' has room for ${sizeText(room.bytes)}: make room, or choose another place with -o or --downloads`,
  );
}
