// The home folder, also of a user who has none.

import { expect, spyOn, test } from "bun:test";
import * as os from "node:os";
import { surroundings } from "../../src/cli/trust-flags.ts";
import { homeFolder } from "../../src/io/home-folder.ts";

test("a user whom the password database does not know has no home folder", () => {
  const home = spyOn(os, "homedir").mockImplementation(() => {
    throw new Error("ENOENT: no such file or directory, uv_os_homedir");
  });
  try {
    expect([homeFolder(), surroundings().home]).toEqual(["", ""]);
  } finally {
    home.mockRestore();
  }
  expect(homeFolder()).toBe(os.homedir());
});
