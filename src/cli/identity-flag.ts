// `--identity`: the file of this device's key, which is made at the first use.

import { join } from "node:path";
import type { ClientIdentity } from "../client/events.ts";
import { ParleyError } from "../errors.ts";
import { configFolder } from "../tls/folders.ts";
import { openIdentity } from "../tls/identity-key.ts";
import { warn } from "../terminal/diagnostics.ts";
import { surroundings } from "./trust-flags.ts";

export const identityFlag = {
  type: "string",
  valueHint: "FILE",
  description: "Your key, made at the first use (default: identity beside known_servers)",
} as const;

/**
 * The key of this device. Without a place for one, or one that can't be used, names can't be
 * registered, but everything else works.
 * @throws ParleyError `usage`, `failed`: the file was given, and can't be used
 */
export function identityOf(file: string | undefined): ClientIdentity | undefined {
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
