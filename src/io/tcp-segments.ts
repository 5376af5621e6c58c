// Keeps TCP segments small enough for every path. Where large packets are dropped silently (a
// tunnel, a firewall that drops ICMP), TCP resends the same segment until the connection dies; UDP
// transfers probe for the MTU, but TCP can't be made to. A listener's maximum segment size is
// announced to clients and applies in both directions. Linux only; elsewhere, the kernel's own MTU
// discovery has to suffice.

import { isLoopback } from "../addresses.ts";
import { connections as limits } from "../limits.ts";
import { option, setOption } from "./udp/socket-options.ts";

/** Call this once `listener` is listening on `host`, before the first connection. */
export function boundSegments(listener: object, host: string): void {
  // Bun's types lack `fd`.
  if (!("fd" in listener) || typeof listener.fd !== "number") return;
  boundSegmentsOf(listener.fd, host);
}

/** The same for a file descriptor. */
export function boundSegmentsOf(fd: number, host: string): void {
  if (!isLoopback(host)) setOption(fd, option.tcpMaxSegment, limits.maxSegmentBytes);
}
