// Batches: both ends lay out the same batch from the same list, whatever part is wanted, and each
// byte is in exactly one part.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { tree as limits } from "../../../src/limits.ts";
import { Batch, type BatchedFile, isBatched } from "../../../src/transfer/tree/batch.ts";
import { planBatches } from "../../../src/transfer/tree/batch-plan.ts";
import { pathOf, type TreeNode } from "../../../src/transfer/tree/manifest.ts";
import { comparePaths } from "../../../src/transfer/tree/tree-path.ts";
import { file, folder, goodTree, manifestOf } from "./trees.ts";

const hash = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("base64url");

/** The server's result for the same bounds. */
function served(
  nodes: readonly TreeNode[],
  after: string | undefined,
  until: string,
): Batch<BatchedFile> {
  const batch = new Batch<BatchedFile>();
  for (const node of nodes) {
    const path = pathOf(node);
    if (after !== undefined && comparePaths(path, after) <= 0) continue;
    if (comparePaths(path, until) > 0) break;
    if (node.isFolder || !isBatched(node.size)) continue;
    if (!batch.add({ path, size: node.size, modified: node.modified })) break;
  }
  return batch;
}

function check(nodes: readonly TreeNode[], wanted: ReadonlySet<TreeNode>): number {
  const got: TreeNode[] = [];
  let count = 0;
  for (const { after, until, batch } of planBatches(nodes, wanted)) {
    count++;
    expect(served(nodes, after, until).version(hash)).toBe(batch.version(hash));
    expect(batch.size).toBeLessThanOrEqual(limits.maxBatchBytes);
    expect(batch.files.length).toBeLessThanOrEqual(limits.maxBatchFiles);
    expect(batch.files.at(0)?.node).toBeDefined();
    expect(batch.files.at(-1)?.node).toBeDefined();
    got.push(...batch.files.flatMap(({ node }) => node ?? []));
  }
  expect(got).toEqual(
    nodes.filter((node) => wanted.has(node) && !node.isFolder && isBatched(node.size)),
  );
  return count;
}

test("each wanted file is in one batch, laid out like the server's", () => {
  fc.assert(
    fc.property(goodTree, fc.func(fc.boolean()), (entries, isWanted) => {
      const sized = entries.map((entry, i) =>
        entry.kind === undefined ? { ...entry, size: i % 5 } : entry,
      );
      const { nodes } = manifestOf(sized);
      check(nodes, new Set(nodes.filter((node) => isWanted(pathOf(node)))));
    }),
    { seed: 31, numRuns: 300 },
  );
});

test("a batch that is full is followed by another", () => {
  const many = Array.from({ length: 40_000 }, (_, i) => file(String(i).padStart(6, "0")));
  const { nodes } = manifestOf(many);
  expect(check(nodes, new Set(nodes))).toBe(3);
  expect(check(nodes, new Set(nodes.filter((_, i) => i > 16_000 && i % 3 === 0)))).toBe(2);
  const large = manifestOf(
    Array.from({ length: 100 }, (_, i) =>
      file(`f${String(i).padStart(3, "0")}`, limits.maxBatchedBytes),
    ),
  ).nodes;
  expect(check(large, new Set(large))).toBe(4);
  const long = manifestOf([
    folder("d"),
    ...Array.from({ length: 1_500 }, (_, i) =>
      file(`d/${"n".repeat(2_000)}${String(i).padStart(4, "0")}`),
    ),
  ]).nodes;
  expect(check(long, new Set(long))).toBe(2);
});

test("parts cover any range, byte for byte", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(sizes, fc.nat(300), fc.nat(300), (lengths, offset, length) => {
      const batch = new Batch<BatchedFile>();
      const whole: string[] = [];
      lengths.forEach((size, i) => {
        batch.add({ path: String(i), size, modified: 0 });
        for (let at = 0; at < size; at++) whole.push(`${i}:${at}`);
      });
      const from = Math.min(offset, whole.length);
      const covered: string[] = [];
      for (const { index, start, length: count } of batch.parts(from, length)) {
        for (let at = start; at < start + count; at++) covered.push(`${index}:${at}`);
      }
      expect(covered).toEqual(whole.slice(from, from + length));
    }),
    { seed: 32, numRuns: 500 },
  );
});
