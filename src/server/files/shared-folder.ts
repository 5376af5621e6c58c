// The shared folder: lists it and opens files by name, without ever leaving it or touching anything
// but regular files. Subfolders are in shared-tree.ts. Knows no protocol.

import { accessSync, constants, type BigIntStats } from "node:fs";
import {
  closeSync,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  statSync,
} from "node:fs";
import { dirname, sep } from "node:path";
import { systemCode } from "../../errors.ts";
import { folder as limits } from "../../limits.ts";
import type { FileInfo } from "../../protocol/messages.ts";
import { isPlainName, spellings } from "./file-names.ts";
import { isFolder, notFound, throwIfUnknown } from "./folder-errors.ts";
import { firstAfter, folderVersion, isHidden, namesIn } from "./folder-names.ts";
import { opened, type OpenFile } from "./open-file.ts";
import { SharedTree } from "./shared-tree.ts";
import { slicedSort } from "./sliced-sort.ts";

export interface FilePage {
  readonly files: readonly FileInfo[];
  /** Pass this as `after` for the next page; absent on the last. */
  readonly next?: string;
}

/** A listed file and its size in a response; undefined if it is not a shared file. */
type Listed = { entry: FileInfo; isFolder: boolean; roomBytes: number } | undefined;

export class SharedFolder {
  readonly path: string;
  #names: readonly string[] = [];
  /**
   * Entries of the last listing whose metadata is known, so that many requests require only one
   * scan of the folder.
   */
  #listed = new Map<string, Listed>();
  #readAtMs = Number.NEGATIVE_INFINITY;
  /** Version of the folder when it was read; undefined if it was changing. */
  #readVersion: string | undefined;
  #reading: Promise<readonly string[]> | undefined;

  /**
   * Real paths of what is never shared, such as the server's own data: files, and folders including
   * their files.
   */
  readonly #withheld: ReadonlySet<string>;

  /** Its subfolders. */
  readonly tree: SharedTree;

  /** A missing folder counts as empty; it may be created later. */
  constructor(path: string, withheld: readonly string[] = []) {
    this.path = path;
    this.tree = new SharedTree(path, withheld);
    this.#withheld = new Set(withheld);
  }

  /**
   * Regular files, and with `folders` also folders (with a "/" after their names), that sort after
   * `after` by code unit: at most `limits.folder.pageFiles`, and at most `pageBytes` as JSON. Lists
   * only what `open` could open, from a listing at most `listingMs` old. Yields to other work every
   * few files.
   */
  async list(after = "", folders = false): Promise<FilePage> {
    const names = await this.#listing();
    const listed = this.#listed;
    const files: FileInfo[] = [];
    let room = limits.pageBytes;
    let seen = 0;
    let last: string | undefined;
    for (let i = firstAfter(names, after); i < names.length; i++) {
      const name = names[i] ?? "";
      if (files.length === limits.pageFiles || room < 0) return { files, next: last ?? name };
      last = name;
      if (!listed.has(name)) {
        if (++seen % limits.sliceFiles === 0) await new Promise<void>((go) => setImmediate(go));
        if (listed.size >= limits.listedFiles) listed.clear();
        listed.set(name, this.#look(name));
      }
      const found = listed.get(name);
      if (found === undefined || (found.isFolder && !folders)) continue;
      room -= found.roomBytes;
      files.push(found.entry);
    }
    return { files };
  }

  /**
   * Opens a file of this folder, or of a subfolder: `photos/a.jpg`.
   * @throws ParleyError `not-found` for anything but a regular file, whatever the reason; `full` or
   * `unreadable` if that can't be determined
   */
  open(name: string): OpenFile {
    if (name.includes("/")) return this.tree.open(name);
    const found = this.#find(name);
    if (found === undefined) {
      throw this.tree.lookAtFolder(name) === undefined ? notFound(name) : isFolder(name);
    }
    let fd: number | undefined;
    try {
      // If the file has become a FIFO or link meanwhile, this neither blocks nor follows.
      const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0);
      fd = openSync(found.path, flags);
      const stat = fstatSync(fd, { bigint: true });
      const isSame = stat.isFile() && stat.ino === found.stat.ino && stat.dev === found.stat.dev;
      // A directory on the path may have been replaced by a link meanwhile.
      if (isSame && isOpenedBeneath(fd, realpathSync(this.path))) {
        return opened(fd, name, found.path, stat);
      }
    } catch (error) {
      if (fd !== undefined) closeSync(fd);
      throwIfUnknown(error);
      throw notFound(name);
    }
    closeSync(fd);
    throw notFound(name);
  }

  #look(name: string): Listed {
    const file = this.#find(name)?.stat;
    const stat = file ?? this.tree.lookAtFolder(name);
    if (stat === undefined) return undefined;
    const isFolder = file === undefined;
    const entry = {
      name: isFolder ? `${name}/` : name,
      size: isFolder ? 0 : Number(stat.size),
      modified: Number(stat.mtimeMs),
    };
    // A name takes at most six times its length as JSON; numbers and field names take less than 80
    // bytes.
    return { entry, isFolder, roomBytes: JSON.stringify(name).length * 2 + 80 };
  }

  #find(name: string): { path: Buffer; stat: BigIntStats } | undefined {
    if (!isPlainName(name) || isHidden(name)) return undefined;
    for (const encoded of spellings(name)) {
      const found = this.#findEncoded(encoded);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #findEncoded(name: Buffer): { path: Buffer; stat: BigIntStats } | undefined {
    try {
      let path = Buffer.concat([Buffer.from(this.path + sep), name]);
      let stat = lstatSync(path, { bigint: true });
      if (stat.isSymbolicLink()) {
        path = realpathSync(path, { encoding: "buffer" });
        if (!isBeneath(path, realpathSync(this.path))) return undefined;
        stat = statSync(path, { bigint: true });
      }
      return stat.isFile() && !this.#isWithheld(path, stat) ? { path, stat } : undefined;
    } catch (error) {
      throwIfUnknown(error);
      return undefined;
    }
  }

  /**
   * Compares real paths and, for files with several names, inodes, so that no link to the file and
   * no second name of the folder can bypass it.
   */
  #isWithheld(path: Buffer, stat: BigIntStats): boolean {
    if (this.#withheld.size === 0) return false;
    const real = realpathSync(path);
    if (this.#withheld.has(real) || this.#withheld.has(dirname(real))) return true;
    return stat.nlink > 1n && [...this.#withheld].some((own) => isSameFile(own, stat));
  }

  /** Something has been put there, or removed: the next list is read anew. */
  handleChange(): void {
    this.#readAtMs = Number.NEGATIVE_INFINITY;
    this.#readVersion = undefined;
    // What is being read may lack it.
    this.#reading = undefined;
  }

  async #listing(): Promise<readonly string[]> {
    if (performance.now() - this.#readAtMs < limits.listingMs) return this.#names;
    if (this.#reading !== undefined) return this.#reading;
    const reading: Promise<readonly string[]> = this.#read(() => this.#reading === reading).finally(
      () => {
        if (this.#reading === reading) this.#reading = undefined;
      },
    );
    this.#reading = reading;
    return reading;
  }

  /** Keeps what it has read, if it `isCurrent` then. */
  async #read(isCurrent: () => boolean): Promise<readonly string[]> {
    const nowMs = performance.now();
    const { names, version } = await this.#readNames();
    if (!isCurrent()) return names;
    this.#names = names;
    this.#readVersion = version;
    this.#listed = new Map();
    this.#readAtMs = nowMs;
    return names;
  }

  async #readNames(): Promise<{ names: readonly string[]; version: string | undefined }> {
    try {
      const version = folderVersion(this.path, Date.now());
      // The names are the same, but they may refer to other files now.
      const isSame = version !== undefined && version === this.#readVersion;
      return { names: isSame ? this.#names : await slicedSort(await namesIn(this.path)), version };
    } catch (error) {
      throwIfUnknown(error);
      // Missing (as yet) or unreadable: nothing is shared.
      return { names: [], version: undefined };
    }
  }
}

function isSameFile(path: string, { dev, ino }: BigIntStats): boolean {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat !== undefined && stat.dev === dev && stat.ino === ino;
}

/** /proc shows which file was really opened; elsewhere the checks before opening must suffice. */
function isOpenedBeneath(fd: number, folder: string): boolean {
  if (process.platform !== "linux") return true;
  return isBeneath(readlinkSync(`/proc/self/fd/${fd}`, { encoding: "buffer" }), folder);
}

function isBeneath(path: Buffer, folder: string): boolean {
  const start = Buffer.from(folder.endsWith(sep) ? folder : folder + sep);
  return path.subarray(0, start.length).equals(start);
}

/** Whether `path` can be shared; a missing folder may be created later. */
export function folderState(path: string): "ready" | "missing" | "no-folder" | "unreadable" {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return "missing";
    if (!stat.isDirectory()) return "no-folder";
    accessSync(path, constants.R_OK | constants.X_OK);
    return "ready";
  } catch (error) {
    // Otherwise below a file, or a name that is too long.
    return systemCode(error) === "EACCES" ? "unreadable" : "no-folder";
  }
}
