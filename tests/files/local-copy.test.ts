// When the times of a local file and of the server's file count as equal.

import { expect, test } from "bun:test";
import { isSameTime } from "../../src/files/local-copy.ts";

test("to the millisecond, unless the local file system stores only seconds", () => {
  expect(isSameTime(1_700_000_000_123, 1_700_000_000_123)).toBe(true);
  expect(isSameTime(1_700_000_000_123.9, 1_700_000_000_123)).toBe(true);
  expect(isSameTime(1_700_000_000_123, 1_700_000_000_124)).toBe(false);
  // FAT stores only even seconds.
  expect(isSameTime(1_700_000_000_000, 1_700_000_001_999)).toBe(true);
  expect(isSameTime(1_700_000_000_000, 1_700_000_002_000)).toBe(false);
  expect(isSameTime(1_700_000_000_000, 1_699_999_998_000)).toBe(false);
});
