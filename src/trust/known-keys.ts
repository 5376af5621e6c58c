// The list of people whose keys a client remembers, for each server: one `HOST:PORT NAME
// met|verified KEY,KEY…` per line, `#` begins a comment. Changes are appended: the last line for a
// person counts. Pure; the file is read and written elsewhere.

import { fold } from "../chat/names/grammar.ts";
import { sealed as limits } from "../limits.ts";
import { publicKeyForm } from "./login-proof.ts";

/** The keys of one person's devices. */
export type KnownKeys = {
  readonly keys: readonly string[];
  /** Two people have compared them. */
  readonly isVerified: boolean;
  /** Were known earlier: of devices that the server has reported as revoked, or withheld. */
  readonly gone?: readonly string[];
};

export type FoundKeys =
  | { kind: "unknown" }
  | { kind: "known"; known: KnownKeys }
  /** `line` counts from 1. Not the same as an unknown person. */
  | { kind: "malformed"; line: number };

/** Without keys: deliberately forgotten, as if never met. */
const forgotten = "none";

export function findKnownKeys(text: string, server: string, name: string): FoundKeys {
  const key = server.toLowerCase();
  const folded = fold(name);
  let found: FoundKeys = { kind: "unknown" };
  const before = new Set<string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const [where = "", who = "", state = "", list = "", ...more] = line.trim().split(/[ \t]+/);
    if (where.startsWith("#") || where.toLowerCase() !== key || fold(who) !== folded) continue;
    const keys = list.split(",");
    const isValid = more.length === 0 && areKeys(keys) && /^(?:met|verified)$/.test(state);
    if (state === forgotten && list === "") {
      found = { kind: "unknown" };
      before.clear();
    } else if (isValid) {
      for (const one of keys) before.add(one);
      const gone = [...before].filter((one) => !keys.includes(one));
      const known = { keys, isVerified: state === "verified" };
      found = { kind: "known", known: gone.length === 0 ? known : { ...known, gone } };
    } else found = { kind: "malformed", line: index + 1 };
  }
  return found;
}

/** The line to append to remember a person (undefined: to forget them), given the text so far. */
export function knownKeysLine(
  text: string,
  server: string,
  name: string,
  known: KnownKeys | undefined,
): string {
  const separator = text === "" || text.endsWith("\n") ? "" : "\n";
  const state = known === undefined ? forgotten : known.isVerified ? "verified" : "met";
  const list = known === undefined ? "" : ` ${known.keys.join(",")}`;
  return `${separator}${server.toLowerCase()} ${fold(name)} ${state}${list}\n`;
}

/** Whether a name can be written in a line; a server could send any name. */
export function isListable(name: string): boolean {
  return name !== "" && !/[\s\p{C}]/u.test(fold(name));
}

/** Whether these are well-formed keys, and no more than one person may have. */
export function areKeys(keys: readonly string[]): boolean {
  const isBounded = keys.length > 0 && keys.length <= limits.maxBoxes;
  return isBounded && keys.every((key) => publicKeyForm.test(key));
}

/**
 * Compares the keys that the server reports with the known ones. `fewer`: a device was revoked, or
 * the server withholds one. `changed`: there is an unknown key.
 */
export function compareKeys(
  known: readonly string[],
  seen: readonly string[],
): "same" | "fewer" | "changed" {
  if (seen.length === 0 || seen.some((key) => !known.includes(key))) return "changed";
  return new Set(seen).size < new Set(known).size ? "fewer" : "same";
}
