// Renders a run of messages as lines of a text dialect.

import type { SaidRun } from "../chat/rooms/said-run.ts";

/**
 * Renders each message of a run as a line: `before`, and its text. A single join; rendering the
 * messages one by one costs five times as much.
 */
export function runLines({ texts }: SaidRun, before: string): string {
  return `${before}${texts.join(`\n${before}`)}\n`;
}
