// Credentials for a server that is not open to everybody: the server password, or a pass.

import type { Access } from "../protocol/messages.ts";
import { identityFlag, passwordFlag } from "./identity-flag.ts";
import { plainFlag } from "./trust-flags.ts";

export const passFlag = {
  type: "string",
  valueHint: "CODE",
  description: "Your pass, for a server that is not open to everybody",
} as const;

/** The flags of commands that log in to a server with a name. */
export const loginFlags = {
  identity: identityFlag,
  "password-file": passwordFlag,
  pass: passFlag,
  plain: plainFlag,
} as const;

/** `password`: the password from `--password-file`. */
export function accessOf(password: string | undefined, pass: string | undefined): Access {
  return { serverPassword: password, pass };
}
