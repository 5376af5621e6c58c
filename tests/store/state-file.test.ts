// Operators' decisions on a server without --data: a file that is created with the first of them,
// and outlives the process.

import { beforeEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, statSync, symlinkSync } from "node:fs";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openLocalStore } from "../../src/store/open.ts";
import { StateFile, stateFileName } from "../../src/store/state-file.ts";
import { testFolder } from "../test-folder.ts";

let folder = "";
beforeEach(() => {
  folder = testFolder("state");
});

const row = { key: "sanction/1", value: "{}" };

function open(isOptional: boolean, warnings: string[] = []) {
  const state = { folder: join(folder, "state"), isOptional };
  return openLocalStore({ path: undefined, state }, (line) => warnings.push(line));
}

test("nothing is written until the first decision, which the next server then knows", () => {
  const first = open(false);
  expect(first.store.rights.load()).toEqual([]);
  expect(existsSync(join(folder, "state"))).toBe(false);
  first.store.rights.change([row]);
  expect(statSync(join(folder, "state")).mode & 0o777).toBe(0o700);
  expect(statSync(join(folder, "state", stateFileName)).mode & 0o777).toBe(0o600);
  first.close();
  const second = open(false);
  expect(second.store.rights.load()).toEqual([row]);
  // Messages are still only in memory.
  expect(second.store.epoch).not.toBe(first.store.epoch);
  second.close();
});

test("two servers do not write to one file: the second is refused, or runs without it", () => {
  const first = open(false);
  first.store.rights.change([row]);
  expect(() => open(false)).toThrow(/state\.db' is in use by another parley server: .*--state$/);
  const warnings: string[] = [];
  const second = open(true, warnings);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain(
    "Registered names, bans and other decisions of operators are not kept",
  );
  second.store.rights.change([{ key: "sanction/2", value: "{}" }]);
  second.close();
  first.close();
  const third = open(false);
  expect(third.store.rights.load()).toEqual([row]);
  third.close();
});

test("a folder that can't be created is reported once it is needed", () => {
  writeFileSync(join(folder, "state"), "a file");
  const file = new StateFile(join(folder, "state"));
  expect(() => file.tables.rights.change([row])).toThrow(
    /state\.db' can't be created: (?:file already exists|not a directory)$/,
  );
});

test("a link to an unmounted disk is not mistaken for a missing file", () => {
  mkdirSync(join(folder, "state"));
  symlinkSync(join(folder, "elsewhere", "state.db"), join(folder, "state", stateFileName));
  expect(() => open(false)).toThrow(/is a link to '.*', which does not exist: mount the disk/);
  const warnings: string[] = [];
  open(true, warnings).close();
  expect(warnings[0]).toContain("which does not exist");
});
