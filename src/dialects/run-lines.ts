// A run of messages as the lines of a text dialect.

import type { SaidRun } from "../chat/said-run.ts";

/**
 * Each message of a run as a line: `before`, the text, and `after`. One join, where rendering them
 * one by one costs five times as much.
 */
export function runLines({ texts }: SaidRun, before: string, after = ""): string {
  return `${before}${texts.join(`${after}\n${before}`)}${after}\n`;
}
