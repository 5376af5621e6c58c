// Detects mentions of a name in a text, for the terminal and the page. Pure.

import { comparable } from "../composed.ts";

/** Shorter names are common words in many languages. They count only after an `@`. */
const minBareChars = 3;

/**
 * Whether `text` contains `name` as a word of its own, in any letter case: "Ann, look", "@ann" and
 * "thanks Ann." address Ann; "Annette", "Ann-Marie" and "ann.txt" do not.
 */
export function mentions(text: string, name: string): boolean {
  const [where, what] = [comparable(text), comparable(name)];
  if (what === "") return false;
  const isShort = Array.from(what).length < minBareChars;
  for (let at = where.indexOf(what); at >= 0; at = where.indexOf(what, at + 1)) {
    const before = where.slice(Math.max(0, at - 2), at);
    const after = where.slice(at + what.length, at + what.length + 4);
    if (continuesBefore.test(before) || continuesAfter.test(after)) continue;
    if (!isShort || before.endsWith("@")) return true;
  }
  return false;
}

// The match is part of a longer name if a letter or digit is adjacent to it, directly or after a
// `.` or `-`.
const continuesBefore = /[\p{L}\p{M}\p{N}_][.-]?$/u;
const continuesAfter = /^[.-]?[\p{L}\p{M}\p{N}_]/u;
