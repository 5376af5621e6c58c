// What one test replaces and leaves behind is not there in the next.

import { expect, spyOn, test } from "bun:test";
import * as fs from "node:fs";
import { existsSync } from "node:fs";

test("a file system that lies", () => {
  spyOn(fs, "existsSync").mockReturnValue(false);
  expect(existsSync(import.meta.path)).toBe(false);
});

test("is gone in the next test", () => {
  expect(existsSync(import.meta.path)).toBe(true);
});
