// `send-file --keep` allows 64 wrong guesses with all its codes together, however they are mixed
// with other failures.

import { expect, test } from "bun:test";
import { goneError, guestError } from "../../src/codes/guest-error.ts";
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
    expect(next.pauseAfter(guestError(0, ""), false)).toBe(0);
    expect(next.pauseAfter({ code: "cannot-connect" }, false)).toBeGreaterThan(0);
  }
  expect(guesses).toBe(64);
});

test("a failure before the first code, or one that lasts, ends the program", () => {
  expect(new NextCode().pauseAfter({ code: "cannot-connect" }, true)).toBeUndefined();
  expect(new NextCode().pauseAfter({ code: "interrupted" }, false)).toBeUndefined();
});

test("a guest who fails is followed by another code, the first one too", () => {
  const next = new NextCode();
  for (const error of [guestError(1, "no space left"), guestError(0, ""), goneError(60_000)]) {
    expect(next.pauseAfter(error, false)).toBe(0);
  }
});
