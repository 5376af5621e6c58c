// Files to fetch in tests: their content differs everywhere, so that wrong or misplaced bytes are
// noticed.

import { readFileSync, writeFileSync } from "node:fs";

const MiB = 1024 * 1024;

/** Writes that many MiB of noise; returns their hash. */
export function writeNoise(path: string, mib: number): string {
  const bytes = new Uint8Array(mib * MiB);
  for (let at = 0; at < bytes.length; at += 65_536)
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  writeFileSync(path, bytes);
  return sha256Of(bytes);
}

export function sha256Of(bytes: Uint8Array | string): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

export function sha256OfFile(path: string): string {
  return sha256Of(readFileSync(path));
}
