// Where fetched files are saved: no two of them in the same place.

import { expect, test } from "bun:test";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fetchTargets } from "../../src/files/fetch-targets.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";

const base = testFolder("targets");

const targetsOf = (...names: string[]) => fetchTargets(names, `${base}/`);

test("two files that would get the same name are refused", () => {
  expect(() => targetsOf("a/x", "b/x")).toThrow("'a/x' and 'b/x' would have the same name");
  expect(() => targetsOf("a/x", "x/")).toThrow("'a/x' and 'x/' would have the same name");
});

/** Whether the file system of the tests takes `a` and `A` for two names. */
function tellsCase(): boolean {
  const folder = join(base, "case");
  mkdirSync(folder);
  try {
    mkdirSync(join(base, "CASE"));
    return true;
  } catch {
    return false;
  } finally {
    for (const name of ["case", "CASE"]) rmSync(join(base, name), { recursive: true, force: true });
  }
}

skipUnless(tellsCase(), "a file system that does not tell `a` from `A`")(
  "so are two of them with a third between that differs only in case",
  () => {
    expect(targetsOf("a/Read.me", "b/read.me").length).toBe(2);
    const both = "'a/Read.me' and 'c/Read.me' would have the same name";
    expect(() => targetsOf("a/Read.me", "b/read.me", "c/Read.me")).toThrow(both);
  },
);
