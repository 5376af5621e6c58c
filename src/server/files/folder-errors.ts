// Errors of the shared folder: which of them leave open whether a file exists, and how a missing
// file is reported.

import { ParleyError, systemCode } from "../../errors.ts";
import { folder as limits } from "../../limits.ts";
import { quoted } from "../../text.ts";

/**
 * Too many open files, no memory, a failing disk: none of these means that the file does not exist.
 */
const busyCodes: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "ENOMEM", "EIO"]);

/** @throws ParleyError `full` for errors that may be temporary */
export function throwIfBusy(error: unknown): void {
  const code = systemCode(error);
  if (!busyCodes.has(code)) return;
  const sentence = `The server is too busy to read its shared folder (${code}): try again later.`;
  throw new ParleyError("full", sentence);
}

/** The name would be a file's, but it is a folder. */
export function isFolder(name: string): ParleyError {
  const shown = quoted(`${name}/`, limits.maxNameChars);
  return new ParleyError("not-found", `It is a folder on the server: its name is ${shown}`);
}

export function notFound(name: string): ParleyError {
  const shown = quoted(name, limits.maxNameChars);
  return new ParleyError("not-found", `No file ${shown} on the server: --list shows what there is`);
}
