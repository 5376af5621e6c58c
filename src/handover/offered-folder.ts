// The files and folders that somebody offers, under the names that the recipient asks for them by: the
// last parts of their paths. Nothing else can be reached.

import { closeSync, constants, fstatSync, openSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { ParleyError } from "../errors.ts";
import { readReason } from "../files/file-reason.ts";
import type { FolderCursor } from "../io/open-folder.ts";
import type { FileInfo, TreeEntry } from "../protocol/messages.ts";
import type { FileFolder, TreeFolder } from "../server/files/file-folder.ts";
import { opened, type OpenFile } from "../server/files/open-file.ts";
import { SharedTree } from "../server/files/shared-tree.ts";
import { quoted } from "../text.ts";

/** `size`: of a folder, that of all files in it. `files`: their number. */
type Offered = { path: string; info: FileInfo; files: number; tree: SharedTree | undefined };

export class OfferedFolder implements FileFolder, TreeFolder {
  readonly #offered: ReadonlyMap<string, Offered>;

  private constructor(offered: ReadonlyMap<string, Offered>) {
    this.#offered = offered;
  }

  /** @throws ParleyError `not-found`, `usage` */
  static async of(paths: readonly string[]): Promise<OfferedFolder> {
    const offered = new Map<string, Offered>();
    for (const path of paths) {
      const one = await offeredAt(path);
      const name = one.info.name.replace(/\/$/, "");
      const other = offered.get(name);
      if (other?.path === one.path) continue;
      if (other !== undefined) {
        const both = `${quoted(other.path, 200)} and ${quoted(one.path, 200)}`;
        throw new ParleyError("usage", `${both} have the same name: send them one after the other`);
      }
      offered.set(name, one);
    }
    return new OfferedFolder(offered);
  }

  /** What is offered; names of folders end with a `/`. */
  get list(): readonly FileInfo[] {
    return Array.from(this.#offered.values(), ({ info }) => info);
  }

  /** Files, those in folders included. */
  get files(): number {
    return sum(this.#offered, ({ files }) => files);
  }

  get bytes(): number {
    return sum(this.#offered, ({ info }) => info.size);
  }

  get paths(): readonly string[] {
    return Array.from(this.#offered.values(), ({ path }) => path);
  }

  get tree(): TreeFolder {
    return this;
  }

  open(name: string): OpenFile {
    const found = this.#find(name);
    if (found === undefined) throw notOffered(name);
    if (found.tree !== undefined) return found.tree.open(name);
    return openAt(found.path, name);
  }

  walk(name: string, after?: string): AsyncGenerator<readonly TreeEntry[]> {
    return this.#treeOf(name).walk(name, after);
  }

  cursor(name: string): FolderCursor {
    return this.#treeOf(name).cursor();
  }

  #treeOf(name: string): SharedTree {
    const tree = this.#find(name)?.tree;
    if (tree === undefined) throw notOffered(name);
    return tree;
  }

  #find(name: string): Offered | undefined {
    const [first = "", ...rest] = name.split("/");
    const found = this.#offered.get(first);
    return rest.length > 0 && found?.tree === undefined ? undefined : found;
  }
}

async function offeredAt(given: string): Promise<Offered> {
  const path = resolve(given);
  const name = basename(path);
  try {
    const stat = statSync(path);
    const modified = Math.floor(stat.mtimeMs);
    if (stat.isFile()) {
      closeSync(openSync(path, "r"));
      return { path, info: { name, size: stat.size, modified }, files: 1, tree: undefined };
    }
    if (!stat.isDirectory() || name === "") {
      throw new ParleyError("usage", `${quoted(given, 300)} is neither a file nor a folder`);
    }
    if (name.startsWith(".")) {
      const sentence = `${quoted(given, 300)} is a hidden folder: rename it, or send what is in it`;
      throw new ParleyError("usage", sentence);
    }
    const tree = new SharedTree(dirname(path), []);
    const { files, bytes } = await measure(tree, name);
    return { path, info: { name: `${name}/`, size: bytes, modified }, files, tree };
  } catch (error) {
    if (error instanceof ParleyError) throw error;
    const missing = (error as { code?: unknown }).code === "ENOENT";
    const sentence = `Cannot send ${quoted(given, 300)}: ${readReason(error)}`;
    throw new ParleyError(missing ? "not-found" : "storage", sentence);
  }
}

async function measure(tree: SharedTree, name: string): Promise<{ files: number; bytes: number }> {
  let [files, bytes] = [0, 0];
  for await (const slice of tree.walk(name)) {
    for (const { kind, size } of slice) {
      if (kind === undefined) files++;
      bytes += size;
    }
  }
  return { files, bytes };
}

/** The path was given by whoever offers it, so links in it are followed; what it leads to is looked at. */
function openAt(path: string, name: string): OpenFile {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stat = fstatSync(fd, { bigint: true });
    if (stat.isFile()) return opened(fd, name, Buffer.from(path), stat);
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    throw new ParleyError("not-found", `${quoted(name, 200)} can't be read: ${readReason(error)}`);
  }
  closeSync(fd);
  throw notOffered(name);
}

function notOffered(name: string): ParleyError {
  return new ParleyError("not-found", `${quoted(name, 200)} is not offered`);
}

function sum(offered: ReadonlyMap<string, Offered>, of: (one: Offered) => number): number {
  let total = 0;
  for (const one of offered.values()) total += of(one);
  return total;
}
