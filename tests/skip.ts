// Tests that need what not every machine has: they say why they are skipped, so that a green run hides nothing.

import { test } from "bun:test";

/** `skipUnless(condition, reason)("name", body)`: a test, or a skipped one after printing the reason. */
export function skipUnless(condition: boolean, reason: string): typeof test {
  if (condition) return test;
  console.error(`skipped: ${reason}`);
  return test.skip as typeof test;
}
