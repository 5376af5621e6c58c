// Writes a small file that does not exist yet, for the owner alone, onto the disk.

import { closeSync, fsyncSync, openSync, writeFileSync } from "node:fs";

/** What was written outlives a power failure. @throws the file system's errors */
export function writeNewFile(path: string, text: string): void {
  const fd = openSync(path, "wx", 0o600);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
