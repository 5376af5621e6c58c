// Where the files of one call go: `-o` and the names, made into paths that never leave the folder they are meant for.

import { mkdirSync, rmdirSync } from "node:fs";
import { basename, join } from "node:path";
import { quoted } from "../text.ts";
import { ParleyError } from "../errors.ts";
import { quietly } from "../files/cleanup.ts";
import { fileReason, lookAt } from "../files/file-reason.ts";
import type { FetchOutput, FetchTarget } from "../files/fetch-events.ts";

/** `-o -`. */
export const standardOutput = "-";

/** Without `-o`. */
const defaultFolder = "Downloads";

/** @throws ParleyError `usage`, `not-found` for a name that can't be one of a shared folder */
export function fetchTargets(
  names: readonly string[],
  output: string | undefined,
  stdout: FetchOutput,
): { name: string; target: FetchTarget }[] {
  const wanted = [...new Set(names)];
  for (const name of wanted) checkName(name);
  if (output === standardOutput) {
    if (wanted.length > 1) {
      throw new ParleyError("usage", "`-o -` writes one file to stdout: name just one");
    }
    return wanted.map((name) => ({ name, target: { kind: "stream", output: stdout } }));
  }
  if (output === "")
    throw new ParleyError("usage", "-o '' is no path: write -o PATH, or -o - for stdout");
  const isFolder = output === undefined || /[/\\]$/.test(output) || isDirectory(output);
  if (!isFolder && wanted.length > 1) {
    throw new ParleyError(
      "usage",
      `-o ${quoted(output)} is no folder, and several files are to go there: end it with a /`,
    );
  }
  return wanted.map((name) => {
    const path = isFolder ? join(output ?? defaultFolder, name) : output;
    return { name, target: { kind: "file", path } };
  });
}

/** Creates the folder of files without `-o`; true if it was missing. Any other folder is its owner's to create. */
export function makeDefaultFolder(): boolean {
  const wasMissing = lookAt(defaultFolder) === undefined;
  makeFolder(defaultFolder, "-o PATH");
  return wasMissing;
}

/** Takes it away again if nothing was saved there. */
export function removeEmptyDefaultFolder(): void {
  quietly(() => rmdirSync(defaultFolder));
}

/** @throws ParleyError `storage`, with a way out */
export function makeFolder(path: string, elsewhere: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new ParleyError(
      "storage",
      `Cannot make the folder ${quoted(path, 200)}: ${fileReason(error)}. Save elsewhere with ${elsewhere}`,
    );
  }
}

/** No server has a name with folders, and here it must not lead anywhere else. */
export function isFileName(name: string): boolean {
  const plain = name !== "" && name !== "." && name !== ".." && !name.includes("\0");
  return plain && basename(name) === name;
}

/** @throws ParleyError `not-found` */
export function checkName(name: string): void {
  if (isFileName(name)) return;
  throw new ParleyError(
    "not-found",
    `No file ${quoted(name, 200)} on the server: names have no folders; --list shows what there is`,
  );
}

function isDirectory(path: string): boolean {
  return lookAt(path)?.isDirectory() ?? false;
}
