// The code that makes somebody the owner of a new server: in a file of the state folder, which only
// its owner can read, until it has been used.

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { secretText } from "../secrets.ts";
import { createSecretFile, readSecretFile } from "../tls/secret-file.ts";

export type ClaimFile = {
  path: string;
  code: string;
  /** The code has been used. */
  remove(): void;
};

/**
 * Makes the file, or reads the one that is there.
 * @throws ParleyError `failed`, and what the file system throws
 */
export function openClaim(folder: string): ClaimFile {
  const path = join(folder, "claim");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  createSecretFile(path, `${secretText(18)}\n`);
  const code = (readSecretFile(path, "the claim of the server") ?? "").trim();
  return { path, code, remove: () => rmSync(path, { force: true }) };
}
