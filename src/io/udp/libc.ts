// Socket calls of libc that Bun does not expose. Linux only; elsewhere, or if libc can't be loaded,
// they are missing and callers do without.

import { dlopen, FFIType } from "bun:ffi";

/** File names of glibc and of musl, and one that a loader may resolve. */
export const libcNames = [
  "libc.so.6",
  "libc.musl-x86_64.so.1",
  "libc.musl-aarch64.so.1",
  "ld-musl-x86_64.so.1",
  "libc.so",
];

const { i32, u32, i64, u64, ptr } = FFIType;

function open(name: string) {
  return dlopen(name, {
    setsockopt: { args: [i32, i32, i32, ptr, u32], returns: i32 },
    getsockopt: { args: [i32, i32, i32, ptr, ptr], returns: i32 },
    socket: { args: [i32, i32, i32], returns: i32 },
    connect: { args: [i32, ptr, u32], returns: i32 },
    dup3: { args: [i32, i32, i32], returns: i32 },
    close: { args: [i32], returns: i32 },
    send: { args: [i32, ptr, u64, i32], returns: i64 },
    epoll_ctl: { args: [i32, i32, i32, ptr], returns: i32 },
    sendmmsg: { args: [i32, ptr, u32, i32], returns: i32 },
    recvmmsg: { args: [i32, ptr, u32, i32, ptr], returns: i32 },
    clock_gettime: { args: [i32, ptr], returns: i32 },
    getsockname: { args: [i32, ptr, ptr], returns: i32 },
    getpeername: { args: [i32, ptr, ptr], returns: i32 },
    if_indextoname: { args: [u32, ptr], returns: ptr },
    shutdown: { args: [i32, i32], returns: i32 },
    usleep: { args: [u32], returns: i32 },
  }).symbols;
}

export type Libc = ReturnType<typeof open>;

let loaded: Libc | null | undefined;

/** Loads libc on first use; null if there is none. */
export function libc(): Libc | null {
  if (loaded !== undefined) return loaded;
  loaded = null;
  if (process.platform !== "linux") return null;
  for (const name of libcNames) {
    try {
      loaded = open(name);
      break;
    } catch {
      // Try the next name.
    }
  }
  return loaded;
}
