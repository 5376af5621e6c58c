// The files and folders of an offer, under the names by which the recipient requests them: the last
// parts of their paths. Nothing else is reachable.

import { closeSync, constants, fstatSync, openSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { ParleyError, systemCode } from "../errors.ts";
import { readReason } from "../files/file-reason.ts";
import type { FolderCursor } from "../io/open-folder.ts";
import type { FileInfo, TreeEntry } from "../protocol/messages.ts";
import { nameProblem } from "../server/files/sharing/item-name.ts";
import type { FileFolder, TreeFolder } from "../server/files/file-folder.ts";
import { opened, type OpenFile } from "../server/files/open-file.ts";
import { SharedTree } from "../server/files/shared-tree.ts";
import { quoted } from "../text.ts";

/**
 * `size`: for a folder, the size of all its files. `newest`: the latest modification time, in Unix
 * milliseconds.
 */
type Offered = {
  path: string;
  info: FileInfo;
  files: number;
  folders: number;
  newest: number;
  leftOut: LeftOut;
  tree: SharedTree | undefined;
};

/** What is in folders and is not offered, by number. `hidden`: names that begin with a dot. */
export type LeftOut = { links: number; others: number; hidden: number };

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

  /** @throws ParleyError `usage` if one of them can't be shared under its name */
  checkShareable(): void {
    for (const name of this.#offered.keys()) {
      const problem = nameProblem(name);
      if (problem !== undefined) throw new ParleyError("usage", problem);
    }
  }

  /** The offered entries; names of folders end with a `/`. */
  get list(): readonly FileInfo[] {
    return Array.from(this.#offered.values(), ({ info }) => info);
  }

  /** The number of files, including those in folders. */
  get files(): number {
    return sum(this.#offered, ({ files }) => files);
  }

  /** The number of folders, including those at the top. */
  get folders(): number {
    return sum(this.#offered, ({ folders }) => folders);
  }

  get leftOut(): LeftOut {
    const count = (kind: keyof LeftOut) => sum(this.#offered, ({ leftOut }) => leftOut[kind]);
    return { links: count("links"), others: count("others"), hidden: count("hidden") };
  }

  get bytes(): number {
    return sum(this.#offered, ({ info }) => info.size);
  }

  /** Texts that identify the content: they differ when anything has changed. */
  get versions(): readonly string[] {
    return Array.from(this.#offered.values(), ({ path, info, files, folders, newest }) =>
      [path, info.size, files, folders, newest].join("\0"),
    );
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
  // It would be the working folder, which hardly anybody means: `send-file "$file"`.
  if (given === "") throw new ParleyError("usage", "'' is not the path of a file or folder");
  const path = resolve(given);
  const name = basename(path);
  try {
    const stat = statSync(path);
    const modified = Math.floor(stat.mtimeMs);
    if (stat.isFile()) {
      closeSync(openSync(path, "r"));
      const info = { name, size: stat.size, modified };
      const leftOut = { links: 0, others: 0, hidden: 0 };
      return { path, info, files: 1, folders: 0, newest: modified, leftOut, tree: undefined };
    }
    if (name === "") {
      const sentence = `${quoted(given, 300)} has no name to be sent under: send what is in it`;
      throw new ParleyError("usage", sentence);
    }
    if (!stat.isDirectory()) {
      const hint = stat.isFIFO() ? ": send what comes through a pipe with `-`, from stdin" : "";
      const sentence = `${quoted(given, 300)} is neither a file nor a folder${hint}`;
      throw new ParleyError("usage", sentence);
    }
    if (name.startsWith(".")) {
      const sentence = `${quoted(given, 300)} is a hidden folder: rename it, or send what is in it`;
      throw new ParleyError("usage", sentence);
    }
    const hidden = { count: 0 };
    const tree = new SharedTree(dirname(path), [], (count) => (hidden.count += count));
    const { bytes, newest, leftOut, ...counts } = await measure(tree, name);
    leftOut.hidden = hidden.count;
    const info = { name: `${name}/`, size: bytes, modified };
    return { path, info, ...counts, newest: Math.max(newest, modified), leftOut, tree };
  } catch (error) {
    if (error instanceof ParleyError) throw error;
    const missing = systemCode(error) === "ENOENT";
    const why = missing && given.includes("\ufffd") ? notUtf8 : readReason(error);
    const sentence = `Cannot send ${quoted(given, 300)}: ${why}`;
    throw new ParleyError(missing ? "not-found" : "storage", sentence);
  }
}

/** Bun decodes arguments as UTF-8; in a folder such files are found. */
const notUtf8 = "if its name is not UTF-8, rename it, or send the folder that it is in";

type Measured = {
  files: number;
  folders: number;
  bytes: number;
  newest: number;
  leftOut: LeftOut;
};

async function measure(tree: SharedTree, name: string): Promise<Measured> {
  let [files, folders, bytes, newest] = [0, 1, 0, 0];
  const leftOut = { links: 0, others: 0, hidden: 0 };
  for await (const slice of tree.walk(name)) {
    for (const { kind, size, modified } of slice) {
      if (kind === undefined) files++;
      else if (kind === "folder") folders++;
      else leftOut[kind === "link" ? "links" : "others"]++;
      bytes += size;
      newest = Math.max(newest, modified);
    }
  }
  return { files, folders, bytes, newest, leftOut };
}

/**
 * The path was given by the sender, so links in it are followed; the check applies to their target.
 */
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
