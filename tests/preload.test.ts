// What is done for every file: its tests have the same time as those of others, and what one test
// replaces and leaves behind is not there in the next.

import { expect, spyOn, test } from "bun:test";
import * as fs from "node:fs";
import { existsSync } from "node:fs";

/** What the first line of each file sets its time limit with. */
declare const $set: unknown;

test("every file sets the time that its tests have", () => {
  expect($set).toBeFunction();
});

test("a file system that lies", () => {
  spyOn(fs, "existsSync").mockReturnValue(false);
  expect(existsSync(import.meta.path)).toBe(false);
});

test("is gone in the next test", () => {
  expect(existsSync(import.meta.path)).toBe(true);
});
