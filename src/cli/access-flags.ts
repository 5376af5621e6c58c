// Credentials for a server that is not open to everybody: the server password, or a pass.

import type { Access } from "../protocol/messages.ts";

export const passFlag = {
  type: "string",
  valueHint: "CODE",
  description: "Your pass, for a server that is not open to everybody",
} as const;

/** `password`: the password from `--password-file`. */
export function accessOf(password: string | undefined, pass: string | undefined): Access {
  return { serverPassword: password, pass };
}
