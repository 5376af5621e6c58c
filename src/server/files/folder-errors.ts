// Errors of the shared folder: which of them leave open whether a file exists, and how a missing
// file is reported.

import { ParleyError, systemCode } from "../../errors.ts";
import { folder as limits } from "../../limits.ts";
import { quoted } from "../../text.ts";

/** Too many open files, no memory. */
const busyCodes: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "ENOMEM"]);
/** A failing disk; a network share or a FUSE file system whose other end is gone. */
const failureCodes: ReadonlySet<string> = new Set([
  "EIO",
  "ESTALE",
  "ETIMEDOUT",
  "EHOSTDOWN",
  "ENOTCONN",
]);

/**
 * Throws if the error does not mean that the file or folder does not exist.
 * @throws ParleyError `full` if it may exist, and be read later; `unreadable` if its disk fails
 */
export function throwIfUnknown(error: unknown): void {
  const code = systemCode(error);
  if (busyCodes.has(code)) {
    const sentence = "The server is too busy to read its shared folder: try again later.";
    throw new ParleyError("full", sentence);
  }
  if (failureCodes.has(code)) {
    const sentence = "The server can't read its shared folder, since a disk of it fails.";
    throw new ParleyError("unreadable", sentence);
  }
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
