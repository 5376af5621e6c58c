// Logs for tests: one that discards, and one that keeps its lines.

import type { Log, LogFields } from "../src/log.ts";

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

export type Logged = { level: keyof Log; message: string; fields: LogFields };

export function keepingLog(): { log: Log; logged: Logged[] } {
  const logged: Logged[] = [];
  const keep =
    (level: keyof Log) =>
    (message: string, fields: LogFields = {}) =>
      void logged.push({ level, message, fields });
  const log = {
    debug: keep("debug"),
    info: keep("info"),
    warn: keep("warn"),
    error: keep("error"),
  };
  return { log, logged };
}
