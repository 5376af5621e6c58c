// Names that sign decisions of those who have no name themselves. Whoever took one would be taken
// for them, so only accounts that have one already may use it. Pure.

import { quoted } from "../../text.ts";
import type { Refusal } from "../refusal.ts";
import { fold } from "./grammar.ts";

export const signatures = {
  /** Somebody at the server's own terminal. */
  terminal: "console",
  /** An operator known by a key alone. */
  nameless: "operator",
} as const;

const folded: ReadonlySet<string> = new Set(Object.values(signatures));

export function isSignature(name: string): boolean {
  return folded.has(fold(name));
}

/** For a name without an account. Undefined: it signs nothing. */
export function takenAsSignature(name: string): Refusal | undefined {
  if (!isSignature(name)) return undefined;
  return {
    code: "name-invalid",
    message: `The name ${quoted(name)} is reserved: choose another`,
  };
}
