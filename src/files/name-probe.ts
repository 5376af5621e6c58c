// Probes which names a folder's file system can store, and which names it treats as equal.

import { lstatSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { secretBytes } from "../secrets.ts";
import type { NameRules } from "../transfer/tree/name-rules.ts";
import { quietly } from "./cleanup.ts";

/** `folder` must exist. Throws the file system's errors if nothing can be created in it. */
export function nameRulesOf(folder: string): NameRules {
  const name = `.parley-${Buffer.from(secretBytes(6)).toString("hex")}-\u00e9`;
  const path = join(folder, name);
  mkdirSync(path);
  try {
    const isWindows = process.platform === "win32" || !canMake(join(path, "a:"));
    return {
      isWindows,
      foldsCase: exists(join(folder, name.toUpperCase())),
      foldsAccents: exists(join(folder, name.normalize("NFD"))),
      maxName: 255,
    };
  } finally {
    quietly(() => rmSync(path, { recursive: true, force: true }));
  }
}

function canMake(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch {
    return false;
  }
}

function exists(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}
