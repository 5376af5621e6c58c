// The tests of the bed: files in tests/world/faults register theirs here, and run.ts runs them.
// bun:test is not used: these tests create namespaces and mounts, run side by side, and take longer
// than a unit test may.

import type { Need } from "./needs.ts";
import type { Scope } from "./scope.ts";

export type WorldTest = {
  name: string;
  needs: readonly Need[];
  /** Takes more than about ten seconds: skipped in quick runs. */
  isSlow: boolean;
  body: (scope: Scope) => Promise<void>;
};

export const tests: WorldTest[] = [];

export type Options = {
  needs: readonly Need[];
  slow?: boolean;
};

/** Registers a test. Its name states what is true when it passes. */
export function world(name: string, options: Options, body: (scope: Scope) => Promise<void>): void {
  tests.push({ name, needs: options.needs, isSlow: options.slow ?? false, body });
}
