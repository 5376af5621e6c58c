// Programs under test keep their keys, known servers and whatever they save by default in a folder
// of their own: not in the home of the person who runs the tests, and not where other tests look.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "parley-home-"));
process.env["XDG_STATE_HOME"] = join(folder, "state");
process.env["XDG_CONFIG_HOME"] = join(folder, "config");
process.on("exit", removeOwnFolders);

/** The working directory of programs under test. */
export function workingFolder(): string {
  const path = join(folder, "work");
  mkdirSync(path, { recursive: true });
  return path;
}

/** Holds all that the tests of a file write. */
export function ownFolder(): string {
  mkdirSync(folder, { recursive: true });
  return folder;
}

export function removeOwnFolders(): void {
  rmSync(folder, { recursive: true, force: true });
}
