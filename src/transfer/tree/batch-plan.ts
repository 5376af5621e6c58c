// Divides the wanted files of a tree into batches. Pure.

import { Batch, type BatchedFile, isBatched } from "./batch.ts";
import { pathOf, type TreeNode } from "./manifest.ts";

/** A file of a batch. */
export interface ListedFile extends BatchedFile {
  /** Absent if the file is not wanted. */
  readonly node?: TreeNode | undefined;
}

export interface PlannedBatch {
  /**
   * The part of the walk that the batch covers: after the first path, up to and including the
   * second.
   */
  readonly after: string | undefined;
  readonly until: string;
  readonly batch: Batch<ListedFile>;
}

/** `nodes` are in manifest order. Batches begin and end with a wanted file. */
export function* planBatches(
  nodes: readonly TreeNode[],
  wanted: ReadonlySet<TreeNode>,
): Generator<PlannedBatch> {
  let before: TreeNode | undefined;
  let files: ListedFile[] = [];
  let after: string | undefined;
  let batch = new Batch<ListedFile>();
  for (const node of nodes) {
    const isSmall = !node.isFolder && isBatched(node.size);
    const isWanted = isSmall && wanted.has(node);
    if (isSmall && (isWanted || files.length > 0)) {
      const file = listed(node, isWanted);
      if (!batch.add(file)) {
        yield planned(after, files);
        files = [];
        batch = new Batch();
        if (isWanted) batch.add(file);
      }
      if (isWanted && files.length === 0) after = before === undefined ? undefined : pathOf(before);
      if (isWanted || files.length > 0) files.push(file);
    }
    before = node;
  }
  if (files.length > 0) yield planned(after, files);
}

function listed(node: TreeNode, isWanted: boolean): ListedFile {
  const { size, modified } = node;
  return { path: pathOf(node), size, modified, node: isWanted ? node : undefined };
}

/** Drops unwanted files from the end. */
function planned(after: string | undefined, files: readonly ListedFile[]): PlannedBatch {
  const last = files.findLastIndex(({ node }) => node !== undefined);
  const batch = new Batch<ListedFile>();
  for (const file of files.slice(0, last + 1)) batch.add(file);
  return { after, until: files[last]?.path ?? "", batch };
}
