// Compares a tree with the existing contents of its target: what must be fetched, what stays, and
// what can't be saved. Writes nothing.

import { ParleyError } from "../errors.ts";
import type { FileLook } from "../io/file-calls.ts";
import { isBatched } from "../transfer/tree/batch.ts";
import type { TreeNode } from "../transfer/tree/manifest.ts";
import { readReason } from "./file-reason.ts";
import { isSameTime } from "./local-copy.ts";
import type { TargetTree } from "./target-tree.ts";
import { WorkSlices } from "./work-slices.ts";

export interface TreeScan {
  /** Folders that have to be created. */
  readonly newFolders: ReadonlySet<TreeNode>;
  /** Files that are missing or will be replaced. */
  readonly wanted: ReadonlySet<TreeNode>;
  /** Existing files that must be compared by content. */
  readonly unsure: ReadonlySet<TreeNode>;
  /** Why a file or folder can't be saved. Includes the files below such a folder. */
  readonly failed: ReadonlyMap<TreeNode, ParleyError>;
  /** Existing files with the same size and time. */
  readonly unchanged: number;
  /** Bytes of the wanted files. */
  readonly wantedBytes: number;
  /** Bytes of the disk that interrupted fetches of them occupy. */
  readonly heldBytes: number;
}

export interface ScanOptions {
  /** Replace files that differ. */
  readonly force: boolean;
  /** Compare by content. */
  readonly byContent: boolean;
}

/** `target` is undefined if the folder does not exist yet. */
export async function scanTree(
  nodes: readonly TreeNode[],
  target: TargetTree | undefined,
  options: ScanOptions,
): Promise<TreeScan> {
  const scan = new Scan(target, options);
  const slices = new WorkSlices();
  for (const node of nodes) {
    if (slices.isOver) await slices.rest();
    scan.look(node);
  }
  return scan;
}

class Scan implements TreeScan {
  readonly newFolders = new Set<TreeNode>();
  readonly wanted = new Set<TreeNode>();
  readonly unsure = new Set<TreeNode>();
  readonly failed = new Map<TreeNode, ParleyError>();
  unchanged = 0;
  wantedBytes = 0;
  heldBytes = 0;
  readonly #target: TargetTree | undefined;
  readonly #options: ScanOptions;

  constructor(target: TargetTree | undefined, options: ScanOptions) {
    this.#target = target;
    this.#options = options;
  }

  look(node: TreeNode): void {
    const { parent } = node;
    const above = parent && this.failed.get(parent);
    if (above !== undefined) return void this.failed.set(node, above);
    let found: FileLook | undefined;
    try {
      const isNew = parent !== undefined && this.newFolders.has(parent);
      found = isNew ? undefined : this.#target?.look(node);
    } catch (error) {
      return this.#fail(node, "storage", `can't be looked at: ${readReason(error)}`);
    }
    if (node.isFolder) this.#lookAtFolder(node, found);
    else this.#lookAtFile(node, found);
  }

  #lookAtFolder(node: TreeNode, found: FileLook | undefined): void {
    if (found === undefined) this.newFolders.add(node);
    else if (found.kind !== "folder")
      this.#fail(node, "differs", `is ${kindOf(found)}, not a folder`);
  }

  #lookAtFile(node: TreeNode, found: FileLook | undefined): void {
    if (found === undefined) return this.#want(node);
    if (found.kind === "folder") return this.#fail(node, "differs", "is a folder");
    const { force, byContent } = this.#options;
    if (found.kind === "file" && byContent && found.size === node.size)
      return void this.unsure.add(node);
    const isSame =
      found.kind === "file" && found.size === node.size && isSameTime(found.mtimeMs, node.modified);
    if (isSame) this.unchanged++;
    else if (force) this.#want(node);
    else if (found.kind !== "file")
      this.#fail(node, "differs", `is ${kindOf(found)}: \`--force\` replaces it`);
    else
      this.#fail(
        node,
        "differs",
        "exists and differs: `--checksum` compares its content, `--force` replaces it",
      );
  }

  #want(node: TreeNode): void {
    this.wanted.add(node);
    this.wantedBytes += node.size;
    const isNew = node.parent !== undefined && this.newFolders.has(node.parent);
    // Small files are not resumed.
    if (isNew || node.size === 0 || isBatched(node.size)) return;
    const heldBytes = this.#target?.heldBytes(node) ?? 0;
    this.heldBytes += Math.min(heldBytes, node.size);
  }

  #fail(node: TreeNode, code: "differs" | "storage", why: string): void {
    const path = this.#target?.pathOf(node) ?? node.name;
    this.failed.set(node, new ParleyError(code, `'${path}' ${why}.`));
  }
}

function kindOf(found: FileLook): string {
  if (found.kind === "link") return "a link, which is not followed";
  return found.kind === "file" ? "a file" : "neither a file nor a folder";
}
