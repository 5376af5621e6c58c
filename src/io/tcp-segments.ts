// Keeps TCP segments small enough for every path. Where large packets vanish and nobody says so (a
// tunnel, a firewall that drops ICMP), TCP sends the same segment until the connection dies; UDP
// transfers probe for what fits, and TCP can't be told to. A listener's bound is announced to
// clients and holds in both directions. Linux only; elsewhere the kernel's own discovery has to do.

import { isLoopback } from "../addresses.ts";
import { connections as limits } from "../limits.ts";
import { option, setOption } from "./udp/socket-options.ts";

/** Call once `listener` is listening on `host`, before the first connection. */
export function boundSegments(listener: object, host: string): void {
  // Bun's types do not have `fd`.
  if (!("fd" in listener) || typeof listener.fd !== "number") return;
  boundSegmentsOf(listener.fd, host);
}

/** The same for a descriptor. */
export function boundSegmentsOf(fd: number, host: string): void {
  if (!isLoopback(host)) setOption(fd, option.tcpMaxSegment, limits.maxSegmentBytes);
}
