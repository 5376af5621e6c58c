// Small files are replaced whole, or not at all.

import { expect, spyOn, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { replaceFile } from "../../src/tls/replace-file.ts";
import { testFolder } from "../test-folder.ts";

const base = testFolder("replaced");

test("the new text is on the disk before it takes the place of the old one", () => {
  const path = join(base, "list");
  replaceFile(path, "old");
  const steps: string[] = [];
  const note = (step: string) => () => void steps.push(step);
  const syncing = spyOn(fs, "fsyncSync").mockImplementation(note("synced"));
  const renaming = spyOn(fs, "renameSync").mockImplementation(note("renamed"));
  replaceFile(path, "new");
  for (const spy of [syncing, renaming]) spy.mockRestore();
  expect(steps).toEqual(["synced", "renamed"]);
});

test("a disk that fails leaves the old text, and nothing beside it", () => {
  const folder = join(base, "failing");
  fs.mkdirSync(folder);
  const path = join(folder, "list");
  replaceFile(path, "old");
  const syncing = spyOn(fs, "fsyncSync").mockImplementation(() => {
    throw Object.assign(new Error("EIO"), { code: "EIO" });
  });
  expect(() => replaceFile(path, "new")).toThrow("EIO");
  syncing.mockRestore();
  expect(fs.readdirSync(folder)).toEqual(["list"]);
  expect(fs.readFileSync(path, "utf8")).toBe("old");
});
