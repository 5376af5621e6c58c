// Renders a run of messages as lines of a text dialect.

import type { SaidRun } from "../chat/rooms/said-run.ts";

/**
 * Renders each message of a run as `before`, its text, and `after`. A single join; rendering the
 * messages one by one costs five times as much.
 */
export function runLines({ texts }: SaidRun, before: string, after = ""): string {
  return `${before}${texts.join(`${after}\n${before}`)}${after}\n`;
}
