// Where fetched files go: paths made of `-o` and the names, which never leave the folder they are meant for.

import { mkdirSync, rmdirSync } from "node:fs";
import { basename, join } from "node:path";
import { quoted } from "../text.ts";
import { ParleyError } from "../errors.ts";
import { fileReason, lookAt } from "../files/file-reason.ts";
import type { FetchOutput, FetchTarget } from "../files/fetch-events.ts";

/** `-o -`. */
export const standardOutput = "-";

/** Without `-o`. */
const defaultFolder = "Downloads";

/** @throws ParleyError `usage`; `not-found` for a name that no shared file can have */
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
    throw new ParleyError("usage", "-o '' is not a path: write -o PATH, or -o - for stdout");
  const isFolder = output === undefined || /[/\\]$/.test(output) || isDirectory(output);
  if (!isFolder && wanted.length > 1) {
    throw new ParleyError(
      "usage",
      `-o ${quoted(output)} is not a folder, but there are several files to save: end it with a /`,
    );
  }
  return wanted.map((name) => {
    const path = isFolder ? join(output ?? defaultFolder, name) : output;
    return { name, target: { kind: "file", path } };
  });
}

/** Makes the folder that is used without `-o`. Any other one must exist. */
export function makeDefaultFolder(): () => void {
  return makeFolder(defaultFolder, "-o PATH");
}

/**
 * Makes a folder unless it exists; the returned function removes what was made if nothing is in it.
 * @param elsewhere what to use instead, for the error's sentence
 * @throws ParleyError `storage`
 */
export function makeFolder(path: string, elsewhere: string): () => void {
  try {
    const isNew = mkdirSync(path, { recursive: true }) !== undefined;
    return () => {
      if (isNew) removeIfEmpty(path);
    };
  } catch (error) {
    throw new ParleyError(
      "storage",
      `Cannot make the folder ${quoted(path, 200)}: ${fileReason(error)}. Save elsewhere with ${elsewhere}`,
    );
  }
}

function removeIfEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // Something is in it.
  }
}

/** Shared files have names without folders; here a name must not lead anywhere else. */
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
