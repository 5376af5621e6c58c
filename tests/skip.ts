// Tests with requirements that not every machine meets. Each skipped test prints why, so that a
// green run hides nothing.

import { test, type TestOptions } from "bun:test";

type Define = (
  name: string,
  body: () => void | Promise<unknown>,
  options?: number | TestOptions,
) => void;

/**
 * `skipUnless(condition, reason)("name", body)`: a test, or a skipped one whose reason is printed.
 */
export function skipUnless(condition: boolean, reason: string): Define {
  if (condition) return test;
  return (name, body) => {
    console.error(`skipped: ${reason}: ${name}`);
    test.skip(name, body);
  };
}
