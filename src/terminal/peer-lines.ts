// Lines that `parley peer` prints on stderr where the original program prints nothing. Pure.

import { harmless } from "../text.ts";
import { hostPort } from "../cpp/codec.ts";
import type { PeerEvent } from "../cpp/peer-event.ts";

/** The commands, shown once to a person at a terminal. */
export const peerCommands = "/register, /bridge [NAME], /chat, /id, /quit";

/** The sentence for `event`, if it needs one; `line` is what the original program prints for it. */
export function peerStatus(event: PeerEvent, line: string | undefined): string | undefined {
  const text = statusText(event, line);
  return text === undefined ? undefined : harmless(text);
}

function statusText(event: PeerEvent, line: string | undefined): string | undefined {
  switch (event.event) {
    case "registered":
      return `Registered as ${event.id} at ${hostPort(event)}; the registration stays when you leave`;
    case "bridged":
      return `${event.peer.id} ${hostPort(event.peer)} found: /chat starts the chat`;
    case "ended":
      return event.by === "busy"
        ? "Busy: the peer is in another chat and has not read what you typed"
        : undefined;
    case "failed":
      return line === undefined ? event.reason : undefined;
    default:
      return undefined;
  }
}
