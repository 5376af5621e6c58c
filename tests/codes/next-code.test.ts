// `send-file --keep` allows 64 wrong guesses with all its codes together, however they are mixed
// with other failures.

import { expect, test } from "bun:test";
import { NextCode } from "../../src/codes/next-code.ts";

test("after 64 wrong guesses there is no further code, and each wait is longer than the last", () => {
  const next = new NextCode();
  let lastMs = 0;
  let guesses = 0;
  for (;;) {
    guesses++;
    const pauseMs = next.pauseAfter({ code: "not-allowed" }, guesses === 1);
    if (pauseMs === undefined) break;
    expect(pauseMs).toBeGreaterThan(lastMs);
    lastMs = pauseMs;
    // A guest who leaves, or a server that is away, gives nobody more guesses.
    for (const code of ["declined", "cannot-connect"] as const) {
      expect(next.pauseAfter({ code }, false)).toBeGreaterThan(0);
    }
  }
  expect(guesses).toBe(64);
});

test("a failure before the first code, or one that lasts, ends the program", () => {
  expect(new NextCode().pauseAfter({ code: "cannot-connect" }, true)).toBeUndefined();
  expect(new NextCode().pauseAfter({ code: "interrupted" }, false)).toBeUndefined();
});
