// When the times of a local file and of the server's count as equal.

import { expect, test } from "bun:test";
import { isSameTime } from "../../src/files/local-copy.ts";

test("to the millisecond, except where the local file system keeps no more than seconds", () => {
  expect(isSameTime(1_700_000_000_123, 1_700_000_000_123)).toBe(true);
  expect(isSameTime(1_700_000_000_123.9, 1_700_000_000_123)).toBe(true);
  expect(isSameTime(1_700_000_000_123, 1_700_000_000_124)).toBe(false);
  // FAT keeps every other second.
  expect(isSameTime(1_700_000_000_000, 1_700_000_001_999)).toBe(true);
  expect(isSameTime(1_700_000_000_000, 1_700_000_002_000)).toBe(false);
  expect(isSameTime(1_700_000_000_000, 1_699_999_998_000)).toBe(false);
});
