// Reserved names: whoever used one could pass for somebody else. Accounts that already have one
// keep it. Pure.

import { quoted } from "../../text.ts";
import type { Refusal } from "../refusal.ts";
import { fold } from "./grammar.ts";

/** The names shown for decisions of operators who have no name of their own. */
export const signatures = {
  /** Somebody at the server's own terminal. */
  terminal: "console",
  /** An operator known by a key alone. */
  nameless: "operator",
} as const;

/** Many IRC clients send these a password as soon as they are connected, to whatever server. */
const services = ["NickServ", "ChanServ", "AuthServ"];

const withheld: ReadonlySet<string> = new Set(
  [...Object.values(signatures), ...services].map(fold),
);

export function isWithheld(name: string): boolean {
  return withheld.has(fold(name));
}

/** For a name without an account. Undefined: it is not withheld. */
export function withheldRefusal(name: string): Refusal | undefined {
  if (!isWithheld(name)) return undefined;
  return {
    code: "name-invalid",
    message: `The name ${quoted(name)} is reserved: choose another`,
  };
}
