// Names of shared files: which are names at all, and how one that is not UTF-8 is shown. Knows no
// file system.

import { folder as limits } from "../../limits.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** How a name reads: as UTF-8, else as Latin-1, what nearly all other names were written in. */
export function shownName(encoded: Uint8Array): string {
  try {
    return utf8.decode(encoded);
  } catch {
    return Buffer.from(encoded).toString("latin1");
  }
}

/** The bytes of a name that `shownName` has read as Latin-1; undefined if it can't be one. */
export function encodedName(shown: string): Buffer | undefined {
  if (!/[\u0080-\u00ff]/.test(shown) || /[^\u0000-\u00ff]/.test(shown)) return undefined;
  const encoded = Buffer.from(shown, "latin1");
  return shownName(encoded) === shown ? encoded : undefined;
}

/** A name, not a path; nothing that a system call would truncate. */
export function isPlainName(name: string, platform: NodeJS.Platform = process.platform): boolean {
  const separators = platform === "win32" ? /[/\\:\0]/ : /[/\0]/;
  return (
    name !== "" &&
    name !== "." &&
    name !== ".." &&
    name.length <= limits.maxNameChars &&
    !separators.test(name)
  );
}
