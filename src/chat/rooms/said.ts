// A single message of a room. Types only.

import type { MessageKind } from "../../protocol/messages.ts";
import type { Persona } from "../people/persona.ts";

/** A message in a room's log. `author` is the session ID of its author, 0 for history. */
export type Said = {
  type: "said";
  room: string;
  seq: number;
  timeMs: number;
  from: string;
  alias: string | undefined;
  text: string;
  kind?: MessageKind | undefined;
  n: number | undefined;
  /** An operator has deleted its text; `text` is `deletedText`. */
  deleted?: true | undefined;
  author: number;
  /** For a live message, if personas are shown. */
  persona?: Persona | undefined;
  tags?: string | undefined;
};
