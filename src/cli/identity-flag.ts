// `--identity`: the file with this device's key, created on first use. `--password-file`: the
// server password, or the password of a registered name.

import { lstatSync } from "node:fs";
import { join } from "node:path";
import { ParleyError, systemReason } from "../errors.ts";
import { passwords } from "../limits.ts";
import { configFolder } from "../tls/folders.ts";
import { type DeviceKey, openIdentity } from "../tls/identity-key.ts";
import { readSecretFile } from "../tls/secret-file.ts";
import { quoted, withoutMark } from "../text.ts";
import { warn } from "../terminal/output/diagnostics.ts";
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

/** For commands that log in without a name. */
export const serverPasswordFlag = {
  ...passwordFlag,
  description: "File whose first line is the server's password",
} as const;

/** @throws ParleyError `usage`; `failed` if the file can't be read, or others can read it */
export function passwordOf(file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  let problem: string | undefined;
  try {
    const content = readSecretFile(file, "a password");
    const [password = ""] = withoutMark(content ?? "").split(/\r?\n/, 1);
    problem = content === undefined ? "does not exist" : passwordProblem(password);
    if (problem === undefined) return password;
  } catch (error) {
    if (error instanceof ParleyError) throw error;
    const message = systemReason(error);
    throw new ParleyError("failed", `--password-file ${quoted(file, 300)}: ${message}`);
  }
  throw new ParleyError("usage", `--password-file ${quoted(file, 300)} ${problem}`);
}

/** What nobody could enter at a prompt is not a password. */
function passwordProblem(password: string): string | undefined {
  if (password === "") return "has no password in its first line";
  if (password.length > passwords.maxChars) {
    return `has more than ${passwords.maxChars} characters in its first line`;
  }
  // U+FFFD: not UTF-8.
  const isTypable = !/[\p{Cc}\ufffd]/u.test(password);
  return isTypable ? undefined : "has characters in its first line that nobody can type";
}

/**
 * The key of this device. Without a usable key, names can't be registered, but everything else
 * works.
 * @throws ParleyError `usage`; `failed` if the given file can't be used
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

/**
 * The same, but no key is created: without one, files can be fetched from open servers. With a pass
 * it is: by the key, the server knows the next program that shows the pass as the same person's.
 */
export function existingIdentityOf(file: string | undefined, pass?: string): DeviceKey | undefined {
  if (file !== undefined || pass !== undefined) return identityOf(file);
  const folder = configFolder(surroundings());
  if (folder === undefined) return undefined;
  return isThere(join(folder, "identity")) ? identityOf(undefined) : undefined;
}

/** A link to an unmounted disk, or a path that can't be looked at, is not a missing file. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}
