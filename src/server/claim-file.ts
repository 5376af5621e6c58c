// The code that makes somebody the owner of a new server, in a file of the state folder that only
// the operating-system user can read, until the code is used.

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ParleyError } from "../errors.ts";
import { secretText } from "../secrets.ts";
import { quoted } from "../text.ts";
import { createSecretFile, readSecretFile } from "../tls/secret-file.ts";

export type ClaimFile = {
  path: string;
  code: string;
  /** The code has been used. */
  remove(): void;
};

/**
 * Creates the file, or reads an existing one.
 * @throws ParleyError `failed`, and the file system's errors
 */
export function openClaim(folder: string): ClaimFile {
  const path = join(folder, "claim");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  createSecretFile(path, `${secretText(18)}\n`);
  const code = (readSecretFile(path, "the claim of the server") ?? "").trim();
  // Anybody could show an empty code.
  if (code === "") {
    const sentence = `${quoted(path, 300)} is empty: remove it, and start the server again`;
    throw new ParleyError("failed", sentence);
  }
  return { path, code, remove: () => rmSync(path, { force: true }) };
}
