// Reads a message's kind, for both directions. Pure.

import type { FieldReader } from "./field-reader.ts";
import type { MessageKind } from "./messages.ts";

/** A kind from a later version counts as ordinary speech. */
export function readKind(reader: FieldReader): MessageKind | undefined {
  const kind = reader.optionalText("kind");
  return kind === "emote" || kind === "notice" ? kind : undefined;
}
