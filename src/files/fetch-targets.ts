// Where fetched files are saved: builds paths from `-o` and file names that can't escape their
// folder.

import { mkdirSync, rmdirSync } from "node:fs";
import { basename, dirname, join, posix, resolve } from "node:path";
import { quoted } from "../text.ts";
import { ParleyError } from "../errors.ts";
import { fileReason, lookAt } from "./file-reason.ts";
import { nameRulesOf } from "./name-probe.ts";
import { foldedName } from "../transfer/tree/name-rules.ts";
import type { FetchOutput, FetchTarget } from "./fetch-events.ts";

/** `-o -`. */
export const standardOutput = "-";

/** Without `-o`. */
const defaultFolder = "Downloads";

/**
 * `stream`: what `output` names, if nothing can be saved there.
 * @throws ParleyError `usage`; `not-found` for a name that no shared file can have
 */
export function fetchTargets(
  names: readonly string[],
  output: string | undefined,
  stream?: FetchOutput,
): { name: string; target: FetchTarget }[] {
  const wanted = [...new Set(names)];
  for (const name of wanted) checkName(name);
  if (output !== undefined && stream !== undefined) {
    const folder = wanted.find(isFolderName);
    if (wanted.length > 1 || folder !== undefined) {
      const what = folder === undefined ? "name just one" : `${quoted(folder, 200)} is a folder`;
      throw new ParleyError("usage", `\`-o ${output}\` writes out one file: ${what}`);
    }
    return wanted.map((name) => ({
      name,
      target: { kind: "stream", output: stream, path: output },
    }));
  }
  const isFolder = output === undefined || namesFolder(output);
  if (!isFolder && wanted.length > 1) {
    throw new ParleyError(
      "usage",
      `-o ${quoted(output)} is not a folder, but there are several files to save: end it with a /`,
    );
  }
  if (!isFolder) {
    return wanted.map((name) => ({ name, target: { kind: kindOf(name), path: output } }));
  }
  const folder = output ?? defaultFolder;
  checkDifferent(wanted, folder);
  return wanted.map((name) => {
    const path = join(folder, posix.basename(name));
    return { name, target: { kind: kindOf(name), path } };
  });
}

/** Whether `-o` names a folder, and not a single file. @throws ParleyError `usage` */
export function namesFolder(output: string): boolean {
  if (output === "") {
    throw new ParleyError("usage", "-o '' is not a path: write -o PATH, or -o - for stdout");
  }
  return /[/\\]$/.test(output) || isDirectory(output);
}

function kindOf(name: string): "folder" | "file" {
  return isFolderName(name) ? "folder" : "file";
}

/** Files of different folders must not replace each other. @throws ParleyError `usage` */
function checkDifferent(names: readonly string[], folder: string): void {
  const used = new Map<string, string[]>();
  for (const name of names) {
    const own = foldedName(posix.basename(name), anyPlatform);
    const others = used.get(own) ?? [];
    const other = others.find((one) => isSameHere(name, one, folder));
    if (other !== undefined) {
      const both = `${quoted(other, 200)} and ${quoted(name, 200)}`;
      const sentence = `${both} would have the same name in ${quoted(folder, 200)}: fetch one of them to another place with -o`;
      throw new ParleyError("usage", sentence);
    }
    used.set(own, [...others, name]);
  }
}

/** Whether the file system of the folder, which may not exist yet, takes the two for one. */
function isSameHere(a: string, b: string, folder: string): boolean {
  const [one, other] = [posix.basename(a), posix.basename(b)];
  if (one === other) return true;
  try {
    const rules = nameRulesOf(isDirectory(folder) ? folder : dirname(resolve(folder)));
    return foldedName(one, rules) === foldedName(other, rules);
  } catch {
    // Nothing can be created there, which saving the files will report.
    return false;
  }
}

/** Names that some file system takes for one. */
const anyPlatform = { isWindows: false, foldsCase: true, foldsAccents: true, maxName: 255 };

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
