// A message to chosen recipients. Types only.

import type { MessageKind, Sealed } from "../../protocol/messages.ts";
import type { Persona } from "../people/persona.ts";

/**
 * `mail` is its number in the recipient's mailbox; 0 if there is none, below 0 in the mailbox of
 * its sender.
 */
export type PrivateMessage = {
  type: "private";
  mail: number;
  timeMs: number;
  from: string;
  alias: string | undefined;
  to: readonly string[];
  /** True within a private chat by consent. */
  chat: boolean;
  /** For a sealed message: a sentence for clients that can't open it. */
  text: string;
  kind?: MessageKind | undefined;
  sealed?: Sealed | undefined;
  /** The mailbox's owner has sent it; it is sealed for their other devices. */
  isOwn?: boolean | undefined;
  /** Unique together with the time; undefined if it was stored by an earlier version. */
  id?: number | undefined;
  /** For a live message, if personas are shown. */
  persona?: Persona | undefined;
  tags?: string | undefined;
};
