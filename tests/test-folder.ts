// Folders for the files of tests.

import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { ownFolder } from "./own-folders.ts";

/**
 * An empty folder that is removed when all tests and hooks of the file have ended: after whatever
 * still writes there was stopped.
 */
export function testFolder(name: string): string {
  return mkdtempSync(join(ownFolder(), `${name}-`));
}
