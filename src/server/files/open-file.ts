// A regular file of the shared folder, opened for reading, and the means to tell whether it is
// unchanged.

import { type BigIntStats, closeSync, fstatSync, readSync } from "node:fs";
import { files } from "../../limits.ts";
import type { FileInfo } from "../../protocol/messages.ts";

/** A regular file, opened for reading. The caller closes it. */
export interface OpenFile extends FileInfo {
  /**
   * Equal for equal content as far as the file system can tell: device, inode, size, modification
   * and change time.
   */
  readonly version: string;
  /**
   * It was changed so shortly before it was opened that a further change may not show in its times:
   * the file system's clock may not have advanced since.
   */
  readonly isUnsettled: boolean;
  /**
   * For reopening the file (sendfile) while this one is open. On Linux it refers to the same inode
   * even if the name changes.
   */
  readonly path: string;
  /**
   * Reads at `position`; may read less than `target` holds, and returns 0 at the end. Throws what
   * `readSync` throws.
   */
  read(target: Uint8Array, position: number): number;
  /**
   * False once the file differs from what was opened (overwritten, truncated, appended). Throws
   * what `fstatSync` throws.
   */
  unchanged(): boolean;
  /**
   * Bytes in the file now; above `size` once something was appended. Throws what `fstatSync`
   * throws.
   */
  sizeNow(): number;
  close(): void;
}

/** `path`: the path under which it was found. */
export function opened(fd: number, name: string, path: Buffer, first: BigIntStats): OpenFile {
  const identity = identityOf(first);
  let isOpen = true;
  return {
    name,
    size: Number(first.size),
    modified: Number(first.mtimeMs),
    version: versionOf(identity),
    isUnsettled: Math.abs(Date.now() - Number(first.ctimeMs)) < files.settleMs,
    path: process.platform === "linux" ? `/proc/self/fd/${fd}` : path.toString(),
    read: (target, position) => readSync(fd, target, 0, target.length, position),
    unchanged: () => isOpen && identityOf(fstatSync(fd, { bigint: true })) === identity,
    sizeNow: () => fstatSync(fd).size,
    close() {
      if (isOpen) closeSync(fd);
      isOpen = false;
    },
  };
}

/**
 * Includes ctime, which changes even if mtime is restored after a change (touch -r, cp -p, rsync).
 */
function identityOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`;
}

/** Opaque to clients; hashed so as not to reveal inode numbers. */
function versionOf(identity: string): string {
  return new Bun.CryptoHasher("sha256").update(identity).digest("base64url").slice(0, 22);
}
