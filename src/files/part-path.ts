// The name of a file while it is being fetched.

import { basename, dirname, join } from "node:path";

/**
 * Bytes of a name on any usual file system, and of the longest suffix: `.part.journal`, with some
 * reserve.
 */
const maxNameBytes = 255;
const maxSuffixBytes = 24;

/**
 * `NAME.part` beside it; a name that leaves no room for the suffix is truncated, and told from
 * others by a hash.
 */
export function partPathOf(path: string): string {
  const name = basename(path);
  const room = maxNameBytes - maxSuffixBytes;
  if (Buffer.byteLength(name) <= room) return `${path}.part`;
  const hash = new Bun.CryptoHasher("sha256").update(name).digest("hex").slice(0, 16);
  let stem = name;
  while (Buffer.byteLength(stem) > room - 1 - hash.length) stem = stem.slice(0, -1);
  return join(dirname(path), `${stem.toWellFormed().replace("\ufffd", "")}~${hash}.part`);
}
