// `--identity`: the file of this device's key, which is made at the first use. `--password-file`: what
// the server asks for, its own password or that of a registered name.

import { lstatSync } from "node:fs";
import { join } from "node:path";
import { ParleyError } from "../errors.ts";
import { configFolder } from "../tls/folders.ts";
import { type DeviceKey, openIdentity } from "../tls/identity-key.ts";
import { readSecretFile } from "../tls/secret-file.ts";
import { quoted } from "../text.ts";
import { warn } from "../terminal/diagnostics.ts";
import { surroundings } from "./trust-flags.ts";

export const identityFlag = {
  type: "string",
  valueHint: "FILE",
  description: "Your key, created when first used (default: identity in your configuration folder)",
} as const;

export const passwordFlag = {
  type: "string",
  valueHint: "FILE",
  description: "File whose first line is the server's password, or that of your registered name",
} as const;

/** @throws ParleyError `usage`, `failed`: it can't be read, or others can read it */
export function passwordOf(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  try {
    const [password = ""] = (readSecretFile(file, "a password") ?? "").split(/\r?\n/, 1);
    if (password !== "") return password;
  } catch (error) {
    if (error instanceof ParleyError) throw error;
    const { message } = error as Error;
    throw new ParleyError("failed", `--password-file ${quoted(file, 300)}: ${message}`);
  }
  throw new ParleyError(
    "usage",
    `--password-file ${quoted(file, 300)} has no password in its first line`,
  );
}

/**
 * The key of this device. Without a place for one, or one that can't be used, names can't be
 * registered, but everything else works.
 * @throws ParleyError `usage`, `failed`: the file was given, and can't be used
 */
export function identityOf(file: string | undefined): DeviceKey | undefined {
  if (file === "") throw new ParleyError("usage", "--identity '' is not a file: name one");
  if (file !== undefined) return openIdentity(file);
  const folder = configFolder(surroundings());
  if (folder === undefined) return undefined;
  try {
    return openIdentity(join(folder, "identity"));
  } catch (error) {
    if (!(error instanceof ParleyError)) throw error;
    warn(`${error.message}. You go on without it`);
    return undefined;
  }
}

/** The same, but none is made: without one, files come from servers that let everybody in. */
export function existingIdentityOf(file: string | undefined): DeviceKey | undefined {
  if (file !== undefined) return identityOf(file);
  const folder = configFolder(surroundings());
  if (folder === undefined) return undefined;
  // A link to a disk that is not mounted is one that can't be read, not none.
  const found = lstatSync(join(folder, "identity"), { throwIfNoEntry: false });
  return found === undefined ? undefined : identityOf(undefined);
}
