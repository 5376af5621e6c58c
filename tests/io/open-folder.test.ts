// A folder that is held open, whatever its path becomes.

import { expect } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { OpenFolder } from "../../src/io/open-folder.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";

const base = testFolder("open-folder");
const testOnLinux = skipUnless(process.platform === "linux", "holding folders open needs Linux");

testOnLinux("files are renamed in the folder that is held open, and replace nothing", () => {
  const path = join(base, "held");
  mkdirSync(path);
  writeFileSync(join(path, "é.part"), "new");
  writeFileSync(join(path, "taken"), "old");
  const folder = OpenFolder.open(path);
  renameSync(path, join(base, "moved"));
  mkdirSync(path);
  expect(folder.renameNoReplace("é.part", "taken")).toBe("exists");
  expect(folder.renameNoReplace("é.part", "é")).toBe("renamed");
  folder.close();
  expect(readdirSync(path)).toEqual([]);
  expect(readdirSync(join(base, "moved")).sort()).toEqual(["taken", "é"]);
  expect(readFileSync(join(base, "moved", "taken"), "utf8")).toBe("old");
  expect(readFileSync(join(base, "moved", "é"), "utf8")).toBe("new");
});
