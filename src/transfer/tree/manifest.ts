// The listing of a whole tree of files as received from its sender: hostile input, checked entry by
// entry and collected completely before anything is written. Pure.

import { transfer as wire, tree as limits } from "../../limits.ts";
import type { TreeEntry } from "../../protocol/messages.ts";
import { comparePaths, pathProblem } from "./tree-path.ts";

/** A file or folder of the tree. */
export interface TreeNode {
  readonly name: string;
  /** The containing folder; undefined for the root of the tree. */
  readonly parent: TreeNode | undefined;
  readonly isFolder: boolean;
  readonly size: number;
  readonly modified: number;
  /** Without the setuid, setgid and sticky bits. */
  readonly mode: number;
}

export interface LeftOut {
  readonly path: string;
  readonly kind: "link" | "other";
}

interface TreeTotals {
  files: number;
  folders: number;
  bytes: number;
  links: number;
  others: number;
}

/** Upper bounds for a listing. */
export interface ManifestBounds {
  readonly maxEntries: number;
  readonly maxNameChars: number;
}

const usual: ManifestBounds = {
  maxEntries: limits.maxEntries,
  maxNameChars: limits.maxNameChars,
};

export class Manifest {
  readonly #bounds: ManifestBounds;
  readonly #nodes: TreeNode[] = [];
  readonly #leftOut: LeftOut[] = [];
  readonly #totals: TreeTotals = { files: 0, folders: 0, bytes: 0, links: 0, others: 0 };
  /** The folders that contain the last entry, outermost first. */
  readonly #open: TreeNode[] = [];
  #last: string | undefined;
  #nameChars = 0;
  #count = 0;

  constructor(bounds = usual) {
    this.#bounds = bounds;
  }

  /** Files and folders; each folder precedes its contents. */
  get nodes(): readonly TreeNode[] {
    return this.#nodes;
  }

  get totals(): Readonly<TreeTotals> {
    return this.#totals;
  }

  /** Links and other entries that can't be fetched; only the first ones are kept. */
  get leftOut(): readonly LeftOut[] {
    return this.#leftOut;
  }

  /** The path of the last entry: where to resume an interrupted listing. */
  get last(): string | undefined {
    return this.#last;
  }

  /**
   * Adds the next entry, which must come after the previous one in walk order (`comparePaths`).
   * Returns what is wrong with it, if anything; the manifest is then unusable.
   */
  add(entry: TreeEntry): string | undefined {
    const { path, kind, size, modified } = entry;
    const problem = pathProblem(path);
    if (problem !== undefined) return problem;
    if (this.#last !== undefined && comparePaths(this.#last, path) >= 0) {
      return "a path twice, or out of order";
    }
    const { maxEntries, maxNameChars } = this.#bounds;
    if (++this.#count > maxEntries) return `more than ${maxEntries} entries`;
    const cut = path.lastIndexOf("/");
    const name = path.slice(cut + 1);
    const depth = this.#enter(cut < 0 ? "" : path.slice(0, cut));
    if (depth === undefined) return "a path below something that is not a folder of the tree";
    if (!isTime(modified)) return "a time outside the valid range";
    if (kind === undefined && size > wire.maxFileBytes)
      return `a file of more than ${wire.maxFileBytes} bytes`;
    this.#last = path;
    if (kind === "link" || kind === "other") {
      this.#leave(path, kind);
      return undefined;
    }
    this.#nameChars += name.length;
    if (this.#nameChars > maxNameChars) return `more than ${maxNameChars} characters of names`;
    return this.#keep(entry, name, this.#open[depth - 1]);
  }

  #keep(entry: TreeEntry, name: string, parent: TreeNode | undefined): string | undefined {
    const isFolder = entry.kind === "folder";
    const size = isFolder ? 0 : entry.size;
    const mode = entry.mode & 0o777;
    const node = { name, parent, isFolder, size, modified: entry.modified, mode };
    this.#nodes.push(node);
    if (isFolder) {
      this.#open.push(node);
      this.#totals.folders++;
      return undefined;
    }
    this.#totals.files++;
    this.#totals.bytes += size;
    return Number.isSafeInteger(this.#totals.bytes) ? undefined : "more bytes than can be counted";
  }

  #leave(path: string, kind: "link" | "other"): void {
    if (kind === "link") this.#totals.links++;
    else this.#totals.others++;
    if (this.#leftOut.length < limits.maxNamed) this.#leftOut.push({ path, kind });
  }

  /**
   * Closes the folders that do not contain the entry. Returns how many do; undefined if one is
   * missing.
   */
  #enter(parentPath: string): number | undefined {
    const names = parentPath === "" ? [] : parentPath.split("/");
    while (this.#open.length > names.length || !this.#isOpen(names)) {
      if (this.#open.length === 0) break;
      this.#open.pop();
    }
    return this.#open.length === names.length ? names.length : undefined;
  }

  #isOpen(names: readonly string[]): boolean {
    return this.#open.every((folder, i) => folder.name === names[i]);
  }
}

/** The path of a node relative to the tree's root. */
export function pathOf(node: TreeNode): string {
  return node.parent === undefined ? node.name : `${pathOf(node.parent)}/${node.name}`;
}

/** Whether it can be the time of a real file: the range of `Date`. */
export function isTime(unixMs: number): boolean {
  return Math.abs(unixMs) <= 8_640_000_000_000_000;
}
