// Whom a server lets in, and what it says to the others. Pure.

import type { ErrorCode } from "../errors.ts";

export type DoorOptions = {
  /** Compares in constant time; undefined: no password is asked for. */
  checkPassword: ((given: string) => boolean) | undefined;
  /** Only members get in, and those who show a pass. */
  isMembersOnly: boolean;
};

/** Whether anybody may come in. */
export function isOpen({ checkPassword, isMembersOnly }: DoorOptions): boolean {
  return checkPassword === undefined && !isMembersOnly;
}

/** What is said to those who have shown nothing. */
export function closedText({ isMembersOnly, checkPassword }: DoorOptions): {
  code: ErrorCode;
  message: string;
} {
  if (!isMembersOnly) {
    return { code: "password-required", message: "This server asks for a password" };
  }
  const besides = checkPassword === undefined ? "" : ", who give its password too";
  return {
    code: "members-only",
    message: `This server is for members only${besides}: ask for a pass, and show it`,
  };
}
