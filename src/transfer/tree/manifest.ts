// The list of everything in a tree of files, as its sender gives it: hostile input, checked entry by
// entry, and kept until all of it is there. Nothing is written before. Pure.

import { transfer as wire, tree as limits } from "../../limits.ts";
import type { TreeEntry } from "../../protocol/messages.ts";
import { comparePaths, pathProblem } from "./tree-path.ts";

/** A file or folder of the tree. */
export interface TreeNode {
  readonly name: string;
  /** The folder that it is in; undefined: the tree's root. */
  readonly parent: TreeNode | undefined;
  readonly isFolder: boolean;
  readonly size: number;
  readonly modified: number;
  /** Without setuid, setgid and sticky bits. */
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

/** The most that a list may have. */
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
  /** The folders on the way to the last entry, outermost first. */
  readonly #open: TreeNode[] = [];
  #last: string | undefined;
  #nameChars = 0;
  #count = 0;

  constructor(bounds = usual) {
    this.#bounds = bounds;
  }

  /** Files and folders, each folder before what is in it. */
  get nodes(): readonly TreeNode[] {
    return this.#nodes;
  }

  get totals(): Readonly<TreeTotals> {
    return this.#totals;
  }

  /** Links and other things that are left out: the first of them. */
  get leftOut(): readonly LeftOut[] {
    return this.#leftOut;
  }

  /** The path of the last entry: where a list that broke off goes on. */
  get last(): string | undefined {
    return this.#last;
  }

  /**
   * Adds the next entry, which must come after the last one in a walk (`comparePaths`). Returns what is
   * wrong with it, after which the manifest is worthless.
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
    if (depth === undefined) return "a path below something that is no folder of the tree";
    if (!isTime(modified)) return "a time that no clock shows";
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

  /** Leaves the folders that do not hold the entry. Returns how many do; undefined: one is missing. */
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

/** Times as `Date` has them. */
function isTime(unixMs: number): boolean {
  return Math.abs(unixMs) <= 8_640_000_000_000_000;
}
