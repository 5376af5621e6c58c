// The folder into which a tree is saved. Everything is reached from it name by name, without
// following links, and appears under its name only when complete.

import {
  closeSync,
  constants,
  fchmodSync,
  futimesSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { FileLook, Renamed } from "../io/file-calls.ts";
import { FolderCursor, OpenFolder } from "../io/open-folder.ts";
import { secretBytes } from "../secrets.ts";
import type { TreeNode } from "../transfer/tree/manifest.ts";
import type { SavedNames } from "../transfer/tree/saved-names.ts";
import { quietly } from "./cleanup.ts";
import { moveInto } from "./move-into.ts";
import { PartialFile } from "./partial-file.ts";

export class TargetTree {
  /** The path of the folder itself. */
  readonly path: string;
  readonly #names: SavedNames;
  readonly #cursor: FolderCursor;
  /** Only one file at a time is written; a SIGKILL leaves it under this hidden name. */
  readonly #temporary = `.parley-${Buffer.from(secretBytes(6)).toString("hex")}`;
  /** The last used folder, and its node in the tree. */
  #last: { parent: TreeNode | undefined; folder: OpenFolder } | undefined;

  constructor(path: string, names: SavedNames) {
    this.path = path;
    this.#names = names;
    this.#cursor = new FolderCursor(() => OpenFolder.open(path));
  }

  /** A node's path, for people. */
  pathOf(node: TreeNode): string {
    return join(this.path, this.#names.pathOf(node));
  }

  /** A path for system calls, valid until the next call of this tree. */
  at(node: TreeNode): string {
    return this.#folderOf(node.parent).at(this.#names.of(node)).toString();
  }

  /**
   * What exists under the node's name, without following links. Throws the file system's errors.
   */
  look(node: TreeNode): FileLook | undefined {
    return this.#folderOf(node.parent).look(this.#names.of(node));
  }

  /** How much of the disk an interrupted fetch of the file occupies. Throws the same. */
  heldBytes(node: TreeNode): number {
    return PartialFile.heldBytes(this.at(node));
  }

  /** Creates a folder. Throws the file system's errors. */
  makeFolder(node: TreeNode): void {
    try {
      mkdirSync(this.at(node), { mode: node.mode | 0o700 });
    } catch (error) {
      // Another fetch of the same folder may have created it.
      if (this.look(node)?.kind !== "folder") throw error;
    }
  }

  /**
   * Saves a complete file. Returns false without doing anything if the name exists and `replace` is
   * false. Throws the file system's errors.
   */
  save(node: TreeNode, bytes: Uint8Array, replace: boolean): boolean {
    const folder = this.#folderOf(node.parent);
    const temporary = folder.at(this.#temporary).toString();
    const name = this.#names.of(node);
    try {
      this.#write(folder.openFile(this.#temporary, newFile, node.mode | 0o600), node, bytes);
      const rename = (): Renamed => folder.renameNoReplace(this.#temporary, name);
      if (moveInto(temporary, folder.at(name).toString(), replace, rename)) return true;
    } catch (error) {
      quietly(() => rmSync(temporary, { force: true }));
      throw error;
    }
    rmSync(temporary, { force: true });
    return false;
  }

  /** Sets the permissions of a file that was saved in another way. */
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

  /** Sets a folder's modification time, once nothing more is put into it. */
  setFolderTime(node: TreeNode): void {
    // Some file systems do not support this.
    quietly(() => lutimesSync(this.at(node), new Date(), new Date(node.modified)));
  }

  close(): void {
    this.#cursor.close();
  }

  #write(fd: number, { modified }: TreeNode, bytes: Uint8Array): void {
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
