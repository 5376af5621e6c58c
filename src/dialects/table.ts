// The ways of speaking, by name. Adding a dialect is adding a file and a line here.

import type { DatagramDialect, Dialect } from "./dialect.ts";

/** A dialect, the transports of its own ports, and where `--classic` opens it (seeds.md's table). */
export type DialectEntry = { classicPort: number } & (
  | { transport: "tcp"; dialect: Dialect }
  | { transport: "udp"; datagram: DatagramDialect }
  | { transport: "tcp+udp"; dialect: Dialect; datagram: DatagramDialect }
);

export const dialects: Readonly<Record<string, DialectEntry>> = {};
