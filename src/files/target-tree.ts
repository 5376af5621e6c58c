// The folder that a tree is saved into. Everything is reached from it name by name, without following
// a link, and appears under its name only when it is complete.

import {
  closeSync,
  constants,
  fchmodSync,
  futimesSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmSync,
  type Stats,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { FolderCursor, OpenFolder } from "../io/open-folder.ts";
import { secretBytes } from "../secrets.ts";
import type { TreeNode } from "../transfer/tree/manifest.ts";
import type { SavedNames } from "../transfer/tree/saved-names.ts";
import { quietly } from "./cleanup.ts";
import { moveInto } from "./move-into.ts";

export class TargetTree {
  /** The folder's own path. */
  readonly path: string;
  readonly #names: SavedNames;
  readonly #cursor: FolderCursor;
  /** One file at a time is being written; what a SIGKILL leaves of it has this hidden name. */
  readonly #temporary = `.parley-${Buffer.from(secretBytes(6)).toString("hex")}`;
  /** The folder that was used last, and what it is in the tree. */
  #last: { parent: TreeNode | undefined; folder: OpenFolder } | undefined;

  constructor(path: string, names: SavedNames) {
    this.path = path;
    this.#names = names;
    this.#cursor = new FolderCursor(() => OpenFolder.open(path));
  }

  /** Its path, for people. */
  pathOf(node: TreeNode): string {
    return join(this.path, this.#names.pathOf(node));
  }

  /** By which the file system finds it while nothing else is asked of this tree. */
  at(node: TreeNode): string {
    return this.#folderOf(node.parent).at(this.#names.of(node)).toString();
  }

  /** What is there under its name; not what a link leads to. Throws what the file system throws. */
  look(node: TreeNode): Stats | undefined {
    return lstatSync(this.at(node), { throwIfNoEntry: false });
  }

  /** Creates a folder. Throws what the file system throws. */
  makeFolder(node: TreeNode): void {
    mkdirSync(this.at(node), { mode: node.mode | 0o700 });
  }

  /**
   * Saves a whole file. False, and nothing done, if there is one of its name and `replace` is false.
   * Throws what the file system throws.
   */
  save(node: TreeNode, bytes: Uint8Array, replace: boolean): boolean {
    const folder = this.#folderOf(node.parent);
    const temporary = folder.at(this.#temporary).toString();
    try {
      this.#write(temporary, node, bytes);
      if (moveInto(temporary, folder.at(this.#names.of(node)).toString(), replace)) return true;
    } catch (error) {
      quietly(() => rmSync(temporary, { force: true }));
      throw error;
    }
    rmSync(temporary, { force: true });
    return false;
  }

  /** Gives a file that was saved otherwise its permissions. */
  setMode(node: TreeNode): void {
    quietly(() => {
      const fd = openSync(this.at(node), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
      try {
        fchmodSync(fd, (node.mode | 0o600) & ~process.umask());
      } finally {
        closeSync(fd);
      }
    });
  }

  /** Gives a folder its time, once nothing is put into it any more. */
  setFolderTime(node: TreeNode): void {
    // Some file systems keep no such times.
    quietly(() => lutimesSync(this.at(node), new Date(), new Date(node.modified)));
  }

  close(): void {
    this.#cursor.close();
  }

  #write(path: string, { mode, modified }: TreeNode, bytes: Uint8Array): void {
    const fd = openSync(path, newFile, mode | 0o600);
    try {
      for (let done = 0; done < bytes.length;) {
        done += writeSync(fd, bytes, done, bytes.length - done);
      }
      quietly(() => futimesSync(fd, new Date(), new Date(modified)));
    } finally {
      closeSync(fd);
    }
  }

  #folderOf(parent: TreeNode | undefined): OpenFolder {
    if (this.#last !== undefined && this.#last.parent === parent) return this.#last.folder;
    this.#last = undefined;
    const folder = this.#cursor.to(this.#savedPath(parent));
    this.#last = { parent, folder };
    return folder;
  }

  #savedPath(node: TreeNode | undefined): string[] {
    const names: string[] = [];
    for (let at = node; at !== undefined; at = at.parent) names.push(this.#names.of(at));
    return names.reverse();
  }
}

const newFile =
  constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);
