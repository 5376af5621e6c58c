// Trees for tests: random ones with difficult names, and the manifests of valid ones.

import * as fc from "fast-check";
import type { TreeEntry } from "../../../src/protocol/messages.ts";
import { Manifest } from "../../../src/transfer/tree/manifest.ts";
import { comparePaths } from "../../../src/transfer/tree/tree-path.ts";
import { anyCharacter } from "../../any-character.ts";

export const linux = { isWindows: false, foldsCase: false, foldsAccents: false, maxName: 255 };
export const mac = { ...linux, foldsCase: true, foldsAccents: true };
export const windows = { ...linux, isWindows: true, foldsCase: true };

/** Names that some file system can't store, or mistakes for another. */
const oddNames = [
  "a",
  "A",
  "a (2)",
  "CON",
  "con.txt",
  "_CON",
  "NUL .x",
  "a:b",
  "a_b",
  "a\\b",
  "end.",
  "end_",
  "end ",
  "\u001b[2J",
  "é",
  "e\u0301",
  "É",
  "ß",
  "SS",
  "ss",
  "…",
  "...",
  "😀".repeat(70),
  "x".repeat(300),
  `${"x".repeat(300)}.jpg`,
  `${"X".repeat(300)}.jpg`,
  "-rf",
  "~",
  "line\nend",
];

export const name = fc.oneof(
  fc.constantFrom(...oddNames),
  fc
    .string({ unit: anyCharacter, minLength: 1, maxLength: 12 })
    .filter((text) => !/[/\0]/.test(text) && text !== "." && text !== ".." && text.isWellFormed()),
);

/** Entries of a valid tree, in order. */
export const goodTree: fc.Arbitrary<TreeEntry[]> = fc
  .array(fc.array(name, { minLength: 1, maxLength: 4 }), { maxLength: 40 })
  .map((paths) => {
    const entries = new Map<string, TreeEntry>();
    for (const names of paths) {
      for (let depth = 1; depth <= names.length; depth++) {
        const path = names.slice(0, depth).join("/");
        if (depth < names.length) entries.set(path, folder(path));
        else if (!entries.has(path)) entries.set(path, file(path, path.length));
      }
    }
    return [...entries.values()].sort((a, b) => comparePaths(a.path, b.path));
  });

export function file(path: string, size = 1): TreeEntry {
  return { path, size, modified: 1_760_000_000_000, mode: 0o644 };
}

export function folder(path: string): TreeEntry {
  return { path, kind: "folder", size: 0, modified: 1_760_000_000_000, mode: 0o755 };
}

/** @throws Error if one of the entries is refused */
export function manifestOf(entries: readonly TreeEntry[]): Manifest {
  const manifest = new Manifest();
  for (const entry of entries) {
    const problem = manifest.add(entry);
    if (problem !== undefined) throw new Error(`${JSON.stringify(entry.path)}: ${problem}`);
  }
  return manifest;
}
