// File system calls that Bun does not expose: a lock on an open file, a rename that never replaces,
// and those that begin at an open folder. Each says so if the platform or file system lacks it;
// callers have a fallback.

import { dlopen, FFIType, ptr as pointerTo, read } from "bun:ffi";
import { constants, type Stats } from "node:fs";
import { once } from "../once.ts";
import { libcNames } from "./udp/libc.ts";

const { i32, ptr, u32 } = FFIType;

const isMac = process.platform === "darwin";
const libraries = isMac ? ["libSystem.B.dylib"] : process.platform === "linux" ? libcNames : [];

/** flock(2): LOCK_EX | LOCK_NB. */
const lockExclusiveNow = 2 | 4;
const wouldBlock = isMac ? 35 : 11;
const exists = 17;
/** renameat2(2): AT_FDCWD and RENAME_NOREPLACE. */
const workingFolder = -100;
const noReplace = 1;
/** openat(2): O_CLOEXEC of Linux. */
const closeOnExec = 0x80000;
/** statx(2): AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, AT_EMPTY_PATH, and STATX_BASIC_STATS. */
const notFollowing = 0x100 | 0x800;
const itself = 0x1000;
const basicFields = 0x7ff;
/** Fields of struct statx, which is the same on all architectures, in words of 4 bytes. */
const statxWords = 64;
const statxAt = { mode: 7, ino: 8, size: 10, changed: 24, modified: 28 } as const;

const permissions = 0o7777;
const zero = Buffer.alloc(1);

/**
 * Binds a libc function; undefined if it is missing. Functions are bound one by one, since any may
 * be missing.
 */
function bind<Functions>(load: (library: string) => Functions): Functions | undefined {
  for (const library of libraries) {
    try {
      return load(library);
    } catch {
      // Try the next library name.
    }
  }
  return undefined;
}

const flockCall = once(() =>
  bind((library) => dlopen(library, { flock: { args: [i32, i32], returns: i32 } }).symbols.flock),
);
const errnoPlace = once(() =>
  isMac
    ? bind((library) => dlopen(library, { __error: { returns: ptr } }).symbols["__error"])
    : bind((library) => {
        const { symbols } = dlopen(library, { __errno_location: { returns: ptr } });
        return symbols["__errno_location"];
      }),
);
const renameCall = once(() =>
  isMac
    ? undefined
    : bind((library) => {
        const args = [i32, ptr, i32, ptr, u32] as const;
        return dlopen(library, { renameat2: { args, returns: i32 } }).symbols.renameat2;
      }),
);

const openCall = once(() =>
  process.platform === "linux"
    ? bind((library) => {
        const args = [i32, ptr, i32, u32] as const;
        return dlopen(library, { openat: { args, returns: i32 } }).symbols.openat;
      })
    : undefined,
);

const lookCall = once(() => {
  if (process.platform !== "linux") return undefined;
  const call = bind((library) => {
    const args = [i32, ptr, i32, u32, ptr] as const;
    return dlopen(library, { statx: { args, returns: i32 } }).symbols.statx;
  });
  if (call === undefined) return undefined;
  const words = new Uint32Array(statxWords);
  return { call, words, signed: new Int32Array(words.buffer), place: pointerTo(words) };
});

function errno(): number {
  const place = errnoPlace()?.() ?? null;
  return place === null ? 0 : read.i32(place, 0);
}

/**
 * Locks an open file until it is closed or its process exits; "held": another process holds the
 * lock.
 */
export function lockFile(fd: number): "locked" | "held" | "unsupported" {
  const call = flockCall();
  if (call === undefined) return "unsupported";
  if (call(fd, lockExclusiveNow) === 0) return "locked";
  return errno() === wouldBlock ? "held" : "unsupported";
}

export type Renamed = "renamed" | "exists" | "unsupported";

/**
 * Atomically renames a file unless the new name exists. `folder`: a descriptor of the folder that
 * relative paths start from.
 */
export function renameNoReplace(from: string, to: string, folder = workingFolder): Renamed {
  const call = renameCall();
  if (call === undefined) return "unsupported";
  const outcome = call(folder, cString(from), folder, cString(to), noReplace);
  if (outcome === 0) return "renamed";
  return errno() === exists ? "exists" : "unsupported";
}

/** As openat(2). `folder`: its descriptor. Undefined: it can't be opened, or unsupported. */
export function openAt(
  folder: number,
  name: string | Buffer,
  flags: number,
  mode: number,
): number | undefined {
  const fd = openCall()?.(folder, cString(name), flags | closeOnExec, mode) ?? -1;
  return fd < 0 ? undefined : fd;
}

/** What is known of a file that was looked at. */
export interface FileLook {
  readonly kind: "file" | "folder" | "link" | "other";
  /** The permissions. */
  readonly mode: number;
  readonly ino: number;
  readonly size: number;
  /** Unix milliseconds, with a fraction. */
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

/**
 * Looks at a file of an open folder as `lstatSync`, without a path. `folder`: its descriptor.
 * Undefined: there is none, it can't be looked at, or unsupported.
 */
export function lookInFolder(folder: number, name: string | Buffer): FileLook | undefined {
  return look(folder, cString(name), notFollowing);
}

/** Looks at an open file as `fstatSync`. Undefined: it can't be looked at, or unsupported. */
export function lookAtOpen(fd: number): FileLook | undefined {
  return look(fd, zero, itself);
}

function look(fd: number, name: Uint8Array, flags: number): FileLook | undefined {
  const found = lookCall();
  if (found === undefined || found.call(fd, name, flags, basicFields, found.place) !== 0) {
    return undefined;
  }
  const { words, signed } = found;
  const longAt = (at: number): number => words[at]! + words[at + 1]! * 0x1_0000_0000;
  const msAt = (at: number): number =>
    (words[at]! + signed[at + 1]! * 0x1_0000_0000) * 1e3 + words[at + 2]! / 1e6;
  const mode = words[statxAt.mode]!;
  return {
    kind: kindOf(mode),
    mode: mode & permissions,
    ino: longAt(statxAt.ino),
    size: longAt(statxAt.size),
    mtimeMs: msAt(statxAt.modified),
    ctimeMs: msAt(statxAt.changed),
  };
}

/** The same from Node's `Stats`. */
export function lookOf({ mode, ino, size, mtimeMs, ctimeMs }: Stats): FileLook {
  return { kind: kindOf(mode), mode: mode & permissions, ino, size, mtimeMs, ctimeMs };
}

function kindOf(mode: number): FileLook["kind"] {
  const type = mode & constants.S_IFMT;
  if (type === constants.S_IFREG) return "file";
  if (type === constants.S_IFDIR) return "folder";
  return type === constants.S_IFLNK ? "link" : "other";
}

function cString(text: string | Buffer): Uint8Array {
  return typeof text === "string" ? Buffer.from(`${text}\0`) : Buffer.concat([text, zero]);
}
