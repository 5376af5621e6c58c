// File system calls that Bun does not expose: a lock on an open file, and a rename that never
// replaces. Each returns "unsupported" if the platform or file system lacks it; callers have a
// fallback.

import { dlopen, FFIType, read } from "bun:ffi";
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

function once<Value>(make: () => Value): () => Value {
  let made: { value: Value } | undefined;
  return () => (made ??= { value: make() }).value;
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

function cString(text: string | Buffer): Uint8Array {
  return typeof text === "string" ? Buffer.from(`${text}\0`) : Buffer.concat([text, zero]);
}
