// What a file is called while it is fetched.

import { basename, dirname, join } from "node:path";

/** Bytes of a name on any usual file system, and what is put behind it at most: `.part.lock.4194304.stale`. */
const maxNameBytes = 255;
const maxSuffixBytes = 24;

/** `NAME.part` beside it; a name that leaves no room for that is cut, and told from others by a hash of its own. */
export function partPathOf(path: string): string {
  const name = basename(path);
  const room = maxNameBytes - maxSuffixBytes;
  if (Buffer.byteLength(name) <= room) return `${path}.part`;
  const hash = new Bun.CryptoHasher("sha256").update(name).digest("hex").slice(0, 16);
  let stem = name;
  while (Buffer.byteLength(stem) > room - 1 - hash.length) stem = stem.slice(0, -1);
  return join(dirname(path), `${stem.toWellFormed().replace("\ufffd", "")}~${hash}.part`);
}
