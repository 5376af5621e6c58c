// Where fetched files are saved: builds paths from `-o` and file names that can't escape their
// folder.

import { mkdirSync, rmdirSync } from "node:fs";
import { basename, dirname, join, posix, resolve } from "node:path";
import { quoted } from "../text.ts";
import { ParleyError } from "../errors.ts";
import { fileReason, lookAt } from "./file-reason.ts";
import type { FetchOutput, FetchTarget } from "./fetch-events.ts";

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
    if (wanted.length > 1 || wanted.some(isFolderName)) {
      throw new ParleyError("usage", "`-o -` writes one file to stdout: name just one");
    }
    return wanted.map((name) => ({ name, target: { kind: "stream", output: stdout } }));
  }
  if (output === "") {
    throw new ParleyError("usage", "-o '' is not a path: write -o PATH, or -o - for stdout");
  }
  const isFolder = output === undefined || /[/\\]$/.test(output) || isDirectory(output);
  if (!isFolder && wanted.length > 1) {
    throw new ParleyError(
      "usage",
      `-o ${quoted(output)} is not a folder, but there are several files to save: end it with a /`,
    );
  }
  return wanted.map((name) => {
    const path = isFolder ? join(output ?? defaultFolder, posix.basename(name)) : output;
    const kind = isFolderName(name) ? "folder" : "file";
    return { name, target: { kind, path } };
  });
}

/** Creates the folder used without `-o`. Any other folder must exist. */
export function makeDefaultFolder(): () => void {
  return makeFolder(defaultFolder, "-o PATH");
}

/**
 * Creates a folder and its parents unless it exists. The returned function removes the created
 * folders again if they are empty.
 * @param alternative what to use instead, for the error message
 * @throws ParleyError `storage`
 */
export function makeFolder(path: string, alternative: string): () => void {
  try {
    const created = mkdirSync(path, { recursive: true });
    return () => removeEmpty(path, created);
  } catch (error) {
    throw new ParleyError(
      "storage",
      `Cannot create the folder ${quoted(path, 200)}: ${fileReason(error)}. ` +
        `Save elsewhere with ${alternative}`,
    );
  }
}

/** Removes `path` and its parents up to `topmost` (as `mkdir` returns it), if they are empty. */
function removeEmpty(path: string, topmost: string | undefined): void {
  if (topmost === undefined) return;
  const top = resolve(topmost);
  try {
    for (let folder = resolve(path); folder.startsWith(top); folder = dirname(folder)) {
      rmdirSync(folder);
    }
  } catch {
    // It is not empty.
  }
}

/** Whether `name` can be the name of a shared file or, with a trailing /, of a folder. */
export function isFileName(name: string): boolean {
  return folderName(name)
    .split("/")
    .every(
      (part) =>
        part !== "" &&
        part !== "." &&
        part !== ".." &&
        !part.includes("\0") &&
        basename(part) === part,
    );
}

/** `photos/`. */
function isFolderName(name: string): boolean {
  return name.endsWith("/");
}

/** `photos`, the server's name for it. */
export function folderName(name: string): string {
  return isFolderName(name) ? name.slice(0, -1) : name;
}

/** @throws ParleyError `not-found` */
export function checkName(name: string): void {
  if (isFileName(name)) return;
  throw new ParleyError(
    "not-found",
    `No file ${quoted(name, 200)} on the server: --list shows the files`,
  );
}

function isDirectory(path: string): boolean {
  return lookAt(path)?.isDirectory() ?? false;
}
