// The command in hints works when pasted into the user's shell.

import { expect, test } from "bun:test";
import { ownCommand } from "../../src/cli/program-name.ts";

const nowhere = () => null;

test("a hint names this program by the name the shell finds, otherwise by its path", () => {
  expect(ownCommand("/usr/bin/parley", "/home/ann", () => "/usr/bin/parley")).toBe("parley");
  expect(ownCommand("/home/ann/dist/parley", "/home/ann", () => "/usr/bin/parley")).toBe(
    "dist/parley",
  );
  expect(ownCommand("/home/ann/parley", "/home/ann", nowhere)).toBe("./parley");
  expect(ownCommand("/opt/parley", "/home/ann", nowhere)).toBe("/opt/parley");
  expect(ownCommand("/opt/my tools/parley", "/home/ann", nowhere)).toBe('"/opt/my tools/parley"');
  expect(ownCommand("/home/ann/node_modules/.bin/bun", "/home/ann", nowhere)).toBe("parley");
});
