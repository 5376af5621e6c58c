// Keeps Bun's event loop from reading a socket for a while, so that others can: changes what the
// loop's epoll(7) waits for. Linux only; elsewhere, or if the loop can't be found, nothing is
// muted.

import { ptr } from "bun:ffi";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { libc } from "./libc.ts";

/** EPOLL_CTL_MOD. */
const modify = 3;
const readable = 1;
/** struct epoll_event is packed on x86-64 alone. */
const dataAt = process.arch === "x64" ? 4 : 8;
const event = new Uint8Array(16);
const words = new DataView(event.buffer);

/** Returns a function that makes it read again; undefined if it can't be muted. */
export function muteEventLoop(fd: number): (() => void) | undefined {
  const calls = libc();
  if (calls === null || fd < 0) return undefined;
  const found = waitOf(fd);
  if (found === undefined) return undefined;
  const { epoll, events, data } = found;
  const change = (to: number): boolean => {
    words.setUint32(0, to, true);
    words.setBigUint64(dataAt, data, true);
    return calls.epoll_ctl(epoll, modify, fd, ptr(event)) === 0;
  };
  if (!change(events & ~readable)) return undefined;
  return () => void change(events);
}

/** Who waits for it, for what, and what it calls it (proc_pid_fdinfo(5)). */
function waitOf(fd: number): { epoll: number; events: number; data: bigint } | undefined {
  const line = new RegExp(`^tfd:\\s+${fd} events:\\s+([0-9a-f]+) data:\\s+([0-9a-f]+)`, "m");
  try {
    for (const name of readdirSync("/proc/self/fd")) {
      if (linkOf(name) !== "anon_inode:[eventpoll]") continue;
      const match = line.exec(readFileSync(`/proc/self/fdinfo/${name}`, "utf8"));
      const [, events = "", data = ""] = match ?? [];
      const wait = Number.parseInt(events, 16);
      if (match !== null && (wait & readable) !== 0) {
        return { epoll: Number(name), events: wait, data: BigInt(`0x${data}`) };
      }
    }
  } catch {
    // There is no /proc.
  }
  return undefined;
}

function linkOf(name: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${name}`);
  } catch {
    // Closed meanwhile.
    return "";
  }
}
