// Marks on private messages that show who can read them; a mark never promises more than is true.
// Pure.

import type { Seal, SessionEvent } from "../../client/events.ts";
import { harmless, harmlessLines } from "../../text.ts";

/** The mark after the name. */
export function sealMark(seal: Seal | undefined): string {
  switch (seal?.state) {
    case undefined:
      return "(private, not sealed)";
    case "verified":
    case "unopened":
      return "(sealed)";
    case "unverified":
      return "(sealed, unverified)";
    case "changed":
      return "(sealed by an unknown key)";
  }
}

/** The text, possibly of several lines, or why there is none. */
export function privateText({ text, seal }: Extract<SessionEvent, { type: "private" }>): string {
  if (seal?.state !== "unopened") return harmlessLines(text);
  return `a message that can't be shown here: ${harmless(seal.reason)}`;
}
