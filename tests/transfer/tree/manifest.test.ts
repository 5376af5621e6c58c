// The manifest check: a valid tree passes unchanged, and no input of a hostile sender results in a
// path outside the tree, or in two nodes with one path.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import type { TreeEntry } from "../../../src/protocol/messages.ts";
import { Manifest, pathOf } from "../../../src/transfer/tree/manifest.ts";
import { comparePaths } from "../../../src/transfer/tree/tree-path.ts";
import { tree as limits } from "../../../src/limits.ts";
import { file, folder, goodTree, manifestOf, name } from "./trees.ts";

test("a valid tree passes unchanged", () => {
  fc.assert(
    fc.property(goodTree, (entries) => {
      const { nodes, totals } = manifestOf(entries);
      expect(nodes.map(pathOf)).toEqual(entries.map(({ path }) => path));
      expect(totals.files + totals.folders).toBe(entries.length);
      expect(totals.bytes).toBe(entries.reduce((sum, { size }) => sum + size, 0));
    }),
    { seed: 1, numRuns: 300 },
  );
});

test("paths are in the order of a sorted walk", () => {
  const names = fc.array(name, { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(names, names, (a, b) => {
      const at = a.findIndex((part, i) => part !== b[i]);
      const [left, right] = at < 0 ? [undefined, b[a.length]] : [a[at], b[at]];
      const wanted = left === right ? 0 : (left ?? "") < (right ?? "") ? -1 : 1;
      expect(Math.sign(comparePaths(a.join("/"), b.join("/")))).toBe(wanted);
    }),
    { seed: 2, numRuns: 1_000 },
  );
});

const hostilePath = fc.oneof(
  fc.constantFrom(
    "",
    "/",
    "/etc/passwd",
    "..",
    "a/../b",
    "../x",
    "a//b",
    "a/",
    "./a",
    "a/.",
    "a\0b",
    "\ud800",
  ),
  fc
    .array(fc.oneof(name, fc.constantFrom("", ".", "..")), { minLength: 1, maxLength: 4 })
    .map((names) => names.join("/")),
  fc.array(fc.constant("d"), { minLength: 120, maxLength: 140 }).map((names) => names.join("/")),
  fc.constant("p".repeat(limits.maxPathChars + 1)),
);

const hostileEntry: fc.Arbitrary<TreeEntry> = fc.record({
  path: hostilePath,
  kind: fc.constantFrom(undefined, "folder", "link", "other"),
  size: fc.oneof(fc.nat(), fc.constantFrom(Number.MAX_SAFE_INTEGER, 2 ** 42)),
  modified: fc.oneof(fc.integer(), fc.constantFrom(1e300, -1e300, 8.64e15)),
  mode: fc.oneof(fc.constantFrom(0o777, 0o4755, 0o7777), fc.nat()),
});

test("for any input, accepted entries are inside the tree, unique, and without setuid", () => {
  fc.assert(
    fc.property(fc.array(hostileEntry, { maxLength: 60 }), (entries) => {
      const manifest = new Manifest();
      // A check that continues after a refusal must hold all the more.
      for (const entry of entries) manifest.add(entry);
      const paths = manifest.nodes.map(pathOf);
      expect(new Set(paths).size).toBe(paths.length);
      for (const path of paths) {
        expect(path.split("/").some((part) => part === "" || part === "." || part === "..")).toBe(
          false,
        );
        expect(path.includes("\0")).toBe(false);
      }
      for (const { mode, size, modified, parent, isFolder } of manifest.nodes) {
        expect(mode & ~0o777).toBe(0);
        expect(size).toBeLessThanOrEqual(2 ** 42);
        expect(Number.isNaN(new Date(modified).getTime())).toBe(false);
        expect(parent?.isFolder ?? true).toBe(true);
        if (isFolder) expect(size).toBe(0);
      }
    }),
    { seed: 3, numRuns: 1_000 },
  );
});

const refused: [why: string, entries: TreeEntry[]][] = [
  ["a path twice", [file("a"), file("a")]],
  ["a file and a folder of one name", [file("a"), folder("a")]],
  ["a file as a folder", [file("a"), file("a/b")]],
  ["a link as a folder", [{ ...file("a"), kind: "link" }, file("a/b")]],
  ["a folder that was not named", [file("a/b")]],
  ["a folder that was left", [folder("a"), file("b"), file("a/c")]],
  ["no order", [file("b"), file("a")]],
  ["a size that no file has", [file("a", 2 ** 42 + 1)]],
];

for (const [why, entries] of refused) {
  test(`refuses ${why}`, () => expect(() => manifestOf(entries)).toThrow());
}

test("a list that never ends is refused", () => {
  const manifest = new Manifest();
  let problem: string | undefined;
  let count = 0;
  while (problem === undefined) problem = manifest.add(file(String(count++).padStart(8, "0")));
  expect(problem).toBe("more than 1000000 entries");
  expect(count).toBe(limits.maxEntries + 1);
});

test("names that would fill the memory are refused", () => {
  const manifest = new Manifest();
  const padding = "n".repeat(2_000);
  let problem: string | undefined;
  for (let i = 0; problem === undefined; i++)
    problem = manifest.add(file(`${String(i).padStart(8, "0")}${padding}`));
  expect(problem).toContain("characters of names");
});

test("links and devices are reported and skipped", () => {
  const manifest = manifestOf([
    { ...file("a"), kind: "link" },
    { ...file("b"), kind: "other" },
    file("c"),
  ]);
  expect(manifest.nodes.map(pathOf)).toEqual(["c"]);
  expect(manifest.leftOut).toEqual([
    { path: "a", kind: "link" },
    { path: "b", kind: "other" },
  ]);
  expect(manifest.totals).toEqual({ files: 1, folders: 0, bytes: 1, links: 1, others: 1 });
});
