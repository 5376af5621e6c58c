// Names that nobody can take, because whoever had one would be taken for somebody else; accounts
// that have one already may use it. Pure.

import { quoted } from "../../text.ts";
import type { Refusal } from "../refusal.ts";
import { fold } from "./grammar.ts";

/** What signs the decisions of those who have no name themselves. */
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
