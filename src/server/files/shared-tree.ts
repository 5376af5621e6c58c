// The subfolders of the shared folder: walks through them in slices, in the order of
// transfer/tree/tree-path.ts, and opens files in them. Follows no links and shows nothing hidden.
// Knows no protocol.

import {
  type BigIntStats,
  constants,
  closeSync,
  fstatSync,
  lstatSync,
  openSync,
  type Stats,
  statSync,
} from "node:fs";
import { ParleyError } from "../../errors.ts";
import { type FileLook, lookOf } from "../../io/file-calls.ts";
import { type EncodedName, FolderCursor, OpenFolder } from "../../io/open-folder.ts";
import { files as limits, folder, transfer as wire, tree } from "../../limits.ts";
import type { TreeEntry } from "../../protocol/messages.ts";
import { quoted } from "../../text.ts";
import { isPlainName, spellings } from "./file-names.ts";
import { notFound, throwIfUnknown } from "./folder-errors.ts";
import { firstAfter, FolderNames, isHidden } from "./folder-names.ts";
import { opened, type OpenFile } from "./open-file.ts";
import { Turns } from "./turns.ts";

/** A folder on the current path of a walk. */
interface Level {
  readonly names: readonly string[];
  /** Index of the next name to visit. */
  at: number;
}

/** Files that are never shared: their inodes, and these with their devices. */
interface Withheld {
  readonly inodes: ReadonlySet<number>;
  readonly ids: ReadonlySet<string>;
}

export class SharedTree {
  readonly #path: string;
  readonly #withheld: readonly string[];
  readonly #names: FolderNames;
  readonly #turns = new Turns(limits.walksPerTurn);
  #walks = 0;

  /**
   * `withheld`: as in `SharedFolder`. `onHidden` is called with the number of hidden names in each
   * folder that is read.
   */
  constructor(path: string, withheld: readonly string[], onHidden?: (count: number) => void) {
    this.#names = new FolderNames(onHidden);
    this.#path = path;
    this.#withheld = withheld;
  }

  /**
   * Everything below the folder `name` (empty: the shared folder), starting after the path `after`,
   * in slices between other work. Files that disappear meanwhile are left out.
   * @throws ParleyError `not-found`; `full` if too many walks are running
   */
  async *walk(name: string, after?: string): AsyncGenerator<readonly TreeEntry[]> {
    const root = partsOf(name);
    if (root === undefined) throw noFolder(name);
    if (this.#walks >= limits.maxWalks) {
      throw new ParleyError("full", "Too many folders are being listed: try again in a moment.");
    }
    this.#walks++;
    let cursor: FolderCursor | undefined;
    try {
      cursor = this.cursor();
      yield* this.#slices(cursor, root, after?.split("/") ?? []);
    } catch (error) {
      throwIfUnknown(error);
      throw error instanceof ParleyError ? error : noFolder(name);
    } finally {
      this.#walks--;
      cursor?.close();
    }
  }

  /** Metadata of a folder in the shared folder; undefined if it is not a shared folder. */
  lookAtFolder(name: string): BigIntStats | undefined {
    if (partsOf(name)?.length !== 1) return undefined;
    const cursor = this.cursor();
    try {
      const root = cursor.to([]);
      const stat = lstatSync(root.at(spellingOf(root, name)), { bigint: true });
      const isShared = stat.isDirectory() && !this.#withheldFiles().ids.has(idOf(stat));
      return isShared ? stat : undefined;
    } catch (error) {
      throwIfUnknown(error);
      return undefined;
    } finally {
      cursor.close();
    }
  }

  /** A cursor that starts at the shared folder. The caller closes it. */
  cursor(): FolderCursor {
    const withheld = this.#withheldFiles().ids;
    return new FolderCursor(
      () => OpenFolder.open(this.#path),
      (within, name) => {
        const spelling = spellingOf(within, name);
        if (withheld.size === 0) return spelling;
        const stat = lstatSync(within.at(spelling));
        if (!withheld.has(idOf(stat))) return spelling;
        throw Object.assign(new Error("withheld"), { code: "ENOENT" });
      },
    );
  }

  /** Opens a file by its path. @throws ParleyError `not-found`, `full` */
  open(name: string): OpenFile {
    const parts = partsOf(name) ?? [];
    const last = parts.at(-1);
    if (last === undefined) throw notFound(name);
    const cursor = this.cursor();
    let fd: number | undefined;
    try {
      const within = cursor.to(parts.slice(0, -1));
      const path = within.at(spellingOf(within, last));
      const found = lstatSync(path, { bigint: true });
      const isShared = found.isFile() && !this.#withheldFiles().ids.has(idOf(found));
      if (!isShared) throw notFound(name);
      fd = openRegular(path);
      const stat = fstatSync(fd, { bigint: true });
      if (stat.isFile() && stat.ino === found.ino)
        return opened(fd, name, this.#plainPath(name), stat);
      throw notFound(name);
    } catch (error) {
      if (fd !== undefined) closeSync(fd);
      throwIfUnknown(error);
      throw notFound(name);
    } finally {
      cursor.close();
    }
  }

  #plainPath(name: string): Buffer {
    return Buffer.from(`${this.#path}/${name}`);
  }

  async *#slices(
    cursor: FolderCursor,
    root: readonly string[],
    after: readonly string[],
  ): AsyncGenerator<readonly TreeEntry[]> {
    const withheld = this.#withheldFiles();
    const path: string[] = [];
    const levels = [await this.#enter(cursor, root)];
    // Descends to where the list was interrupted.
    for (const [depth, name] of after.entries()) {
      const level = levels.at(-1)!;
      level.at = firstAfter(level.names, name);
      const isThere = level.names[level.at - 1] === name;
      const below = isThere ? await this.#tryEnter(cursor, [...root, ...path, name]) : undefined;
      if (below === undefined) break;
      levels.push(below);
      path.push(name);
      if (depth === tree.maxDepth) break;
    }
    let slice: TreeEntry[] = [];
    let untilMs = performance.now() + folder.walkSliceMs;
    for (let looked = 0; levels.length > 0;) {
      const level = levels.at(-1)!;
      const name = level.names[level.at++];
      if (name === undefined) {
        levels.pop();
        path.pop();
        continue;
      }
      if (++looked % folder.walkStep === 0 && performance.now() >= untilMs) {
        if (slice.length > 0) yield slice;
        slice = [];
        await this.#turns.next();
        untilMs = performance.now() + folder.walkSliceMs;
      }
      const entry = this.#look(cursor, root, path, name, withheld);
      if (entry === undefined) continue;
      const isFolder = entry.kind === "folder";
      const below = isFolder
        ? await this.#below(cursor, root, [...path, name], entry.path)
        : undefined;
      // A folder that nobody can read or receive does not count as a folder of the tree.
      slice.push(isFolder && below === undefined ? { ...entry, kind: "other" } : entry);
      if (below === undefined) continue;
      levels.push(below);
      path.push(name);
    }
    yield slice;
  }

  #look(
    cursor: FolderCursor,
    root: readonly string[],
    path: readonly string[],
    name: string,
    withheld: Withheld,
  ): TreeEntry | undefined {
    const full = path.length === 0 ? name : `${path.join("/")}/${name}`;
    try {
      const within = cursor.to(root.length === 0 ? path : [...root, ...path]);
      const found = within.look(name) ?? within.look(spellingOf(within, name));
      if (found === undefined) return undefined;
      if (!withheld.inodes.has(found.ino)) return entryOf(full, found);
      // It may have the same inode on another device, which only `Stats` tell.
      const stat = lstatOf(within, name);
      if (stat === undefined || withheld.ids.has(idOf(stat))) return undefined;
      return entryOf(full, lookOf(stat));
    } catch (error) {
      throwIfUnknown(error);
      return undefined;
    }
  }

  /**
   * The contents of a folder, if it can be read, and if receivers accept the paths in it. `full`:
   * its path in the list.
   */
  async #below(
    cursor: FolderCursor,
    root: readonly string[],
    path: readonly string[],
    full: string,
  ): Promise<Level | undefined> {
    if (path.length >= tree.maxDepth) return undefined;
    const below = await this.#tryEnter(cursor, [...root, ...path]);
    const room = tree.maxPathChars - full.length - 1;
    return below?.names.every((name) => name.length <= room) === true ? below : undefined;
  }

  async #enter(cursor: FolderCursor, path: readonly string[]): Promise<Level> {
    const { path: held } = cursor.to(path);
    return { names: await this.#names.of(path.join("/"), held), at: 0 };
  }

  async #tryEnter(cursor: FolderCursor, path: readonly string[]): Promise<Level | undefined> {
    try {
      return await this.#enter(cursor, path);
    } catch (error) {
      throwIfUnknown(error);
      return undefined;
    }
  }

  /** What is never shared, and the folders that contain only such files. */
  #withheldFiles(): Withheld {
    const stats = this.#withheld.flatMap((path) => statSync(path, { throwIfNoEntry: false }) ?? []);
    return { inodes: new Set(stats.map(({ ino }) => ino)), ids: new Set(stats.map(idOf)) };
  }
}

/**
 * The components of a path below the shared folder; undefined if nothing shared can have this path.
 */
function partsOf(path: string): readonly string[] | undefined {
  const parts = path === "" ? [] : path.split("/");
  const isShown =
    parts.length <= tree.maxDepth && parts.every((name) => isPlainName(name) && !isHidden(name));
  return isShown ? parts : undefined;
}

/** How a listed name is spelled on disk. */
export function spellingOf(within: OpenFolder, name: string): EncodedName {
  if (!/[^\u0000-\u007f]/.test(name)) return name;
  for (const encoded of spellings(name)) {
    if (lstatSync(within.at(encoded), { throwIfNoEntry: false }) !== undefined) return encoded;
  }
  return name;
}

function idOf({ dev, ino }: Stats | BigIntStats): string {
  return `${dev} ${ino}`;
}

function lstatOf(within: OpenFolder, name: string): Stats | undefined {
  const stat = lstatSync(within.at(name), { throwIfNoEntry: false });
  return stat ?? lstatSync(within.at(spellingOf(within, name)), { throwIfNoEntry: false });
}

/** A file too large for a transfer is listed as `other`: receivers would refuse the whole list. */
function entryOf(path: string, { kind, mode: all, size, mtimeMs }: FileLook): TreeEntry {
  const modified = Math.floor(mtimeMs);
  const mode = all & 0o777;
  if (kind === "file" && size <= wire.maxFileBytes) return { path, size, modified, mode };
  return { path, kind: kind === "file" ? "other" : kind, size: 0, modified, mode };
}

/** If it has become a FIFO or a link meanwhile, this neither blocks nor follows. */
function openRegular(path: EncodedName): number {
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;
  return openSync(path, O_RDONLY | (O_NONBLOCK ?? 0) | (O_NOFOLLOW ?? 0));
}

function noFolder(name: string): ParleyError {
  const shown = quoted(`${name}/`, folder.maxNameChars);
  return new ParleyError(
    "not-found",
    `No folder ${shown} on the server: --list shows what there is`,
  );
}
