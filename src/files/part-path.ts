// The path of a partial file.

import { basename, dirname, join } from "node:path";

/** Longest name on common file systems, in bytes, and the longest suffix, `.part.journal`. */
const maxNameBytes = 255;
const maxSuffixBytes = 24;

/**
 * `NAME.part` next to `path`; a name that leaves no room for suffixes is truncated and hashed.
 * `count`: 2 and more are alternatives, `NAME.2.part` and so on.
 */
export function partPathOf(path: string, count = 1): string {
  const suffix = count === 1 ? ".part" : `.${count}.part`;
  const name = basename(path);
  const room = maxNameBytes - maxSuffixBytes;
  if (Buffer.byteLength(name) <= room) return `${path}${suffix}`;
  const hash = new Bun.CryptoHasher("sha256").update(name).digest("hex").slice(0, 16);
  let stem = name;
  while (Buffer.byteLength(stem) > room - 1 - hash.length) stem = stem.slice(0, -1);
  return join(dirname(path), `${stem.toWellFormed().replace("\ufffd", "")}~${hash}${suffix}`);
}
