// Replaces a small file so that neither a full disk nor a crash costs what was in it.

import { lstatSync, realpathSync, renameSync, rmSync } from "node:fs";
import { quietly } from "../files/cleanup.ts";
import { secretText } from "../secrets.ts";
import { writeNewFile } from "./new-file.ts";

/**
 * Writes beside the file first; readable only by its owner. If it is a link, its target is
 * replaced. @throws the file system's errors, also for a dangling link
 */
export function replaceFile(given: string, text: string): void {
  const isThere = lstatSync(given, { throwIfNoEntry: false }) !== undefined;
  const path = isThere ? realpathSync(given) : given;
  const temporary = `${path}.${secretText(6)}`;
  try {
    writeNewFile(temporary, text);
    renameSync(temporary, path);
  } catch (error) {
    quietly(() => rmSync(temporary, { force: true }));
    throw error;
  }
}
