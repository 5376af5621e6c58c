// How a message is meant, as both sides read it. Pure.

import type { FieldReader } from "./field-reader.ts";
import type { MessageKind } from "./messages.ts";

/** A kind of a later version is read as something said. */
export function readKind(reader: FieldReader): MessageKind | undefined {
  const kind = reader.optionalText("kind");
  return kind === "emote" || kind === "notice" ? kind : undefined;
}
