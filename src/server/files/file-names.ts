// Names of shared files: which are valid, and how names that are not UTF-8 are shown. Knows no file
// system.

import { isStreamSafe } from "../../composed.ts";
import { folder as limits } from "../../limits.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Decodes a name as UTF-8, otherwise as Latin-1, the most common other encoding. */
export function shownName(encoded: Uint8Array): string {
  try {
    return utf8.decode(encoded);
  } catch {
    return Buffer.from(encoded).toString("latin1");
  }
}

/**
 * The byte strings that a name may stand for, likeliest first: as is, with accents composed or
 * decomposed (keyboards type one form, macOS stores the other), and as Latin-1.
 */
export function* spellings(name: string): Generator<Buffer> {
  const forms = isStreamSafe(name) ? [name, name.normalize("NFC"), name.normalize("NFD")] : [name];
  for (const form of new Set(forms)) yield Buffer.from(form);
  const isLatin1 = /[\u0080-\u00ff]/.test(name) && !/[^\u0000-\u00ff]/.test(name);
  const latin1 = isLatin1 ? Buffer.from(name, "latin1") : undefined;
  if (latin1 !== undefined && shownName(latin1) === name) yield latin1;
}

/**
 * Whether this is a plain name: not a path, and without anything that would truncate it in a system
 * call.
 */
export function isPlainName(name: string): boolean {
  const separators = process.platform === "win32" ? /[/\\:\0]/ : /[/\0]/;
  return (
    name !== "" &&
    name !== "." &&
    name !== ".." &&
    name.length <= limits.maxNameChars &&
    !separators.test(name)
  );
}
