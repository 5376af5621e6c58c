// A folder for the files of one file of tests, removed after its last test.

import { afterAll } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Call it where the tests are defined. */
export function testFolder(name: string): string {
  const path = mkdtempSync(join(tmpdir(), `parley-${name}-`));
  afterAll(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
