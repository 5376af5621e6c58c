// Names under which a tree is saved: valid on each file system, unique, and unchanged where
// possible.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { pathOf } from "../../../src/transfer/tree/manifest.ts";
import { foldedName, heldName, type NameRules } from "../../../src/transfer/tree/name-rules.ts";
import { SavedNames } from "../../../src/transfer/tree/saved-names.ts";
import { file, folder, goodTree, linux, mac, manifestOf, windows } from "./trees.ts";

const systems: [string, NameRules][] = [
  ["Linux", linux],
  ["macOS", mac],
  ["Windows", windows],
];

for (const [system, rules] of systems) {
  test(`every name is valid on ${system}, and unique`, () => {
    fc.assert(
      fc.property(goodTree, (entries) => {
        const manifest = manifestOf(entries);
        const saved = SavedNames.choose(manifest, rules);
        const paths = manifest.nodes.map((node) => saved.pathOf(node));
        const folded = paths.map((path) =>
          path
            .split("/")
            .map((part) => foldedName(part, rules))
            .join("/"),
        );
        expect(new Set(folded).size).toBe(folded.length);
        for (const node of manifest.nodes) {
          const name = saved.of(node);
          expect(name).not.toMatch(/^\.{0,2}$|[/\0]/);
          expect(name.isWellFormed()).toBe(true);
          expect(heldName(name, rules)).toBe(name);
        }
        expect(saved.count).toBe(
          manifest.nodes.filter((node) => saved.of(node) !== node.name).length,
        );
      }),
      { seed: 11, numRuns: 300 },
    );
  });
}

test("on Linux every name of at most 255 bytes is unchanged", () => {
  fc.assert(
    fc.property(goodTree, (entries) => {
      const manifest = manifestOf(entries);
      const saved = SavedNames.choose(manifest, linux);
      for (const node of manifest.nodes) {
        if (Buffer.byteLength(node.name) <= 255) expect(saved.of(node)).toBe(node.name);
      }
    }),
    { seed: 12, numRuns: 300 },
  );
});

function saved(rules: NameRules, ...names: string[]): Record<string, string> {
  const manifest = manifestOf(
    names.sort().map((name) => (name.endsWith("/") ? folder(name.slice(0, -1)) : file(name))),
  );
  const chosen = SavedNames.choose(manifest, rules);
  return Object.fromEntries(manifest.nodes.map((node) => [pathOf(node), chosen.of(node)]));
}

test("the rule", () => {
  expect(saved(windows, "CON", "nul.txt", "a:b", "a\\b", "end.", "com¹", "console")).toEqual({
    CON: "_CON",
    "nul.txt": "_nul.txt",
    "a:b": "a_b",
    "a\\b": "a_b (2)",
    "end.": "end_",
    "com¹": "_com¹",
    console: "console",
  });
  expect(saved(windows, "Read.me", "read.me", "READ.ME")).toEqual({
    "READ.ME": "READ.ME",
    "Read.me": "Read (2).me",
    "read.me": "read (3).me",
  });
  expect(saved(mac, "e\u0301", "é")).toEqual({ "e\u0301": "e\u0301", é: "é (2)" });
  expect(saved(linux, "CON", "a:b", "A", "a")).toEqual({
    CON: "CON",
    "a:b": "a:b",
    A: "A",
    a: "a",
  });
  const [long = ""] = Object.values(saved(linux, `${"ü".repeat(200)}.jpg`));
  expect(long).toMatch(/^ü+~[0-9a-f]{8}\.jpg$/);
  expect(Buffer.byteLength(long)).toBeLessThanOrEqual(255);
});

test("names that differ only in case are one, in every script", () => {
  const pairs = ["STRAẞE straße", "STRASSE straße", "ΟΔΟΣ οδος", "İ i̇", "ǅ ǆ", "Ꭰ ꭰ", "ﬀ FF"];
  for (const pair of pairs) {
    const [one = "", other = ""] = pair.split(" ");
    expect(foldedName(one, windows)).toBe(foldedName(other, windows));
  }
});

test("a hundred thousand colliding names take no longer than as many others", () => {
  const letters = Array.from({ length: 17 }, (_, i) => i);
  const names = Array.from({ length: 100_000 }, (_, n) =>
    letters.map((bit) => ((n >> bit) & 1 ? "X" : "x")).join(""),
  );
  const manifest = manifestOf(names.sort().map((name) => file(name)));
  const chosen = SavedNames.choose(manifest, windows);
  expect(chosen.count).toBe(99_999);
  expect(new Set(manifest.nodes.map((node) => chosen.of(node))).size).toBe(100_000);
});

test("names that a fetch gives to its own files are changed", () => {
  const names = ["a.part", "a.part.journal", "b.PART.Lock", "part.journal"];
  const held = ["a.part", "a.part.journal_", "b.PART.Lock_", "part.journal"];
  for (const rules of [linux, windows]) {
    expect(names.map((name) => heldName(name, rules))).toEqual(held);
  }
});
