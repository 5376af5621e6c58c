// A message of a room, alone. Types only.

import type { MessageKind } from "../protocol/messages.ts";
import type { Persona } from "./persona.ts";

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
  author: number;
  /** Of a live message, where somebody is shown it. */
  persona?: Persona | undefined;
  tags?: string | undefined;
};
