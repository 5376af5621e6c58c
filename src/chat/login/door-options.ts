// Whom a server admits, and what it tells everybody else. Pure.

import type { Refusal } from "../refusal.ts";

export type DoorOptions = {
  /** Compares in constant time; undefined if there is no server password. */
  checkPassword: ((given: string) => boolean) | undefined;
  /** Only members, and people with a pass, are admitted. */
  isMembersOnly: boolean;
};

/** Whether everybody is admitted. */
export function isOpen({ checkPassword, isMembersOnly }: DoorOptions): boolean {
  return checkPassword === undefined && !isMembersOnly;
}

/** The refusal for somebody without credentials. */
export function closedText({ isMembersOnly, checkPassword }: DoorOptions): Refusal {
  if (!isMembersOnly) {
    return { code: "password-required", message: "This server asks for a password" };
  }
  const whom = checkPassword === undefined ? "members only" : "members with its password only";
  return {
    code: "members-only",
    message: `This server is for ${whom}: ask an operator for a pass`,
  };
}
