// The ways of speaking, by name. Adding a dialect is adding a file and a line here.

import type { Dialect } from "./dialect.ts";

/** Where `--classic` opens a dialect (seeds.md's table). */
export type DialectEntry = {
  dialect: Dialect;
  /** Transports of its own ports. */
  transport: "tcp" | "udp" | "tcp+udp";
  classicPort: number;
};

export const dialects: Readonly<Record<string, DialectEntry>> = {};
