// A folder that is held open: files opened through it are in that folder, even if the folder or a
// parent is replaced meanwhile. Symbolic links are never followed. Node has no openat(2); Linux
// offers the same through /proc/self/fd. Elsewhere paths are used, and each folder is checked
// before it is entered.

import { closeSync, constants, existsSync, lstatSync, openSync } from "node:fs";
import {
  type FileLook,
  lookInFolder,
  lookOf,
  openAt,
  type Renamed,
  renameNoReplace,
} from "./file-calls.ts";

const { O_DIRECTORY = 0, O_NOFOLLOW = 0, O_RDONLY } = constants;

let isHeld: boolean | undefined;

/** Whether folders are held by descriptor. */
function holds(): boolean {
  return (isHeld ??= process.platform === "linux" && existsSync("/proc/self/fd"));
}

/** A name as text, or as raw bytes in a file system whose names are not UTF-8. */
export type EncodedName = string | Buffer;

export class OpenFolder {
  readonly #descriptor: number | undefined;
  readonly #prefix: string;
  readonly #encodedPrefix: Buffer | undefined;

  private constructor(path: EncodedName, descriptor: number | undefined) {
    this.#descriptor = descriptor;
    const held = descriptor === undefined ? path : `/proc/self/fd/${descriptor}`;
    this.#prefix = `${held.toString()}/`;
    if (typeof held !== "string") this.#encodedPrefix = Buffer.concat([held, Buffer.from("/")]);
  }

  /** Opens the folder at a path, which may be or contain links. Throws the file system's errors. */
  static open(path: string): OpenFolder {
    if (!holds()) return new OpenFolder(path, undefined);
    return new OpenFolder(path, openSync(path, O_RDONLY | O_DIRECTORY));
  }

  /** Opens a subfolder. Throws the file system's errors; `ENOTDIR` for a link. */
  enter(name: EncodedName): OpenFolder {
    const path = this.at(name);
    if (this.#descriptor !== undefined) {
      return new OpenFolder(path, openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    }
    if (!lstatSync(path).isDirectory()) {
      throw Object.assign(new Error("not a directory"), { code: "ENOTDIR" });
    }
    return new OpenFolder(path, undefined);
  }

  /** A path that refers to `name` in this folder as long as the folder is open. */
  at(name: EncodedName): EncodedName {
    const encoded = this.#encodedPrefix;
    if (encoded === undefined && typeof name === "string") return this.#prefix + name;
    return Buffer.concat([encoded ?? Buffer.from(this.#prefix), Buffer.from(name)]);
  }

  /**
   * Opens a file of this folder, as `openSync`: faster than by a path, since /proc/self/fd takes
   * the kernel a while. Throws the file system's errors.
   */
  openFile(name: EncodedName, flags: number, mode = 0): number {
    const folder = this.#descriptor;
    const opened = folder === undefined ? undefined : openAt(folder, name, flags, mode);
    return opened ?? openSync(this.at(name), flags, mode);
  }

  /**
   * What has that name, without following links; undefined: nothing. Faster than `lstatSync` with a
   * path, like `openFile`. Throws the file system's errors.
   */
  look(name: EncodedName): FileLook | undefined {
    const folder = this.#descriptor;
    const found = folder === undefined ? undefined : lookInFolder(folder, name);
    if (found !== undefined) return found;
    const stat = lstatSync(this.at(name), { throwIfNoEntry: false });
    return stat && lookOf(stat);
  }

  /** Renames a file of this folder unless the new name exists, as fast. */
  renameNoReplace(from: string, to: string): Renamed {
    if (this.#descriptor !== undefined) return renameNoReplace(from, to, this.#descriptor);
    return renameNoReplace(this.at(from).toString(), this.at(to).toString());
  }

  /** A path to the folder itself, valid as long as it is open. */
  get path(): EncodedName {
    return this.#encodedPrefix?.subarray(0, -1) ?? this.#prefix.slice(0, -1);
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
  }
}

/**
 * Moves from folder to folder below a root and keeps the last one open, since walks tend to stay
 * nearby.
 */
export class FolderCursor {
  readonly #root: () => OpenFolder;
  readonly #spell: (folder: OpenFolder, name: string) => EncodedName;
  #names: readonly string[] = [];
  #folder: OpenFolder | undefined;

  /**
   * `root` opens the root; `spell` returns how a name is written in a folder. Both may throw the
   * file system's errors.
   */
  constructor(
    root: () => OpenFolder,
    spell: (folder: OpenFolder, name: string) => EncodedName = (_, name) => name,
  ) {
    this.#root = root;
    this.#spell = spell;
  }

  /** The folder at that path; valid until the next call. Throws the file system's errors. */
  to(names: readonly string[]): OpenFolder {
    const current = this.#folder;
    if (current !== undefined && isSame(names, this.#names)) return current;
    // Most often the walk descends into a subfolder.
    const isBelow = current !== undefined && isSame(names.slice(0, -1), this.#names);
    this.#folder = undefined;
    if (!isBelow) current?.close();
    let folder = isBelow ? current : this.#root();
    for (const name of isBelow ? names.slice(-1) : names) {
      const from = folder;
      try {
        folder = from.enter(this.#spell(from, name));
      } finally {
        from.close();
      }
    }
    this.#names = [...names];
    this.#folder = folder;
    return folder;
  }

  close(): void {
    this.#folder?.close();
    this.#folder = undefined;
  }
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}
