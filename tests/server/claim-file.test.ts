// The file with the code that makes somebody the owner of a new server.

import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openClaim } from "../../src/server/claim-file.ts";
import { testFolder } from "../test-folder.ts";

test("it is kept until it is used", () => {
  const folder = testFolder("claim");
  const { path, code, remove } = openClaim(folder);
  expect(readFileSync(path, "utf8").trim()).toBe(code);
  expect(openClaim(folder).code).toBe(code);
  remove();
  expect(openClaim(folder).code).not.toBe(code);
});

test.each(["", " \n"])("a file without a code, as %j, is none that anybody could know", (text) => {
  const folder = testFolder("no-claim");
  writeFileSync(join(folder, "claim"), text, { mode: 0o600 });
  expect(() => openClaim(folder)).toThrow("is empty: remove it, and start the server again");
});
