// Socket options that Bun does not expose, through libc's setsockopt. Linux only; elsewhere, or if
// libc can't be loaded, every call returns false and the caller does without. Knows no protocol.

import { ptr } from "bun:ffi";
import { libc } from "./libc.ts";

/**
 * Linux numbers (include/uapi/asm-generic/socket.h, linux/tcp.h, linux/udp.h, linux/in.h,
 * linux/in6.h).
 */
export const option = {
  reuseAddress: { level: 1, name: 2 },
  sendBuffer: { level: 1, name: 7 },
  receiveBuffer: { level: 1, name: 8 },
  acceptsConnections: { level: 1, name: 30 },
  sendBufferForce: { level: 1, name: 32 },
  receiveBufferForce: { level: 1, name: 33 },
  timestampNs: { level: 1, name: 35 },
  tcpMaxSegment: { level: 6, name: 2 },
  tcpUserTimeout: { level: 6, name: 18 },
  udpSegment: { level: 17, name: 103 },
  udpGro: { level: 17, name: 104 },
  mtuDiscover4: { level: 0, name: 10 },
  mtuDiscover6: { level: 41, name: 23 },
} as const;

export type SocketOption = (typeof option)[keyof typeof option];

/** IP_PMTUDISC_PROBE: sets "don't fragment" on everything and ignores the kernel's own path MTU. */
export const mtuDiscoverProbe = 3;

const value = new Int32Array(1);
const length = new Uint32Array(1);

/** Sets an integer option; false if the platform or the kernel rejects it. */
export function setOption(fd: number, which: SocketOption, to: number): boolean {
  const calls = libc();
  if (calls === null || fd < 0) return false;
  value[0] = to;
  return calls.setsockopt(fd, which.level, which.name, ptr(value), 4) === 0;
}

/** Reads an integer option; undefined if the platform or the kernel rejects it. */
export function getOption(fd: number, which: SocketOption): number | undefined {
  const calls = libc();
  if (calls === null || fd < 0) return undefined;
  length[0] = 4;
  return calls.getsockopt(fd, which.level, which.name, ptr(value), ptr(length)) === 0
    ? value[0]
    : undefined;
}
