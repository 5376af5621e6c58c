// What `parley peer` says on stderr besides S0's own lines: what those pass over in silence. Pure.

import { harmless } from "../text.ts";
import { hostPort } from "../cpp/codec.ts";
import type { PeerNotice } from "../cpp/peer-notice.ts";

/** What is typed here, for who has a terminal. */
export const peerCommands = "/register, /bridge [NAME], /chat, /id, /quit";

/** `line`: what S0 has said of it. */
export function peerStatus(notice: PeerNotice, line: string | undefined): string | undefined {
  const text = statusText(notice, line);
  return text === undefined ? undefined : harmless(text);
}

function statusText(notice: PeerNotice, line: string | undefined): string | undefined {
  switch (notice.event) {
    case "registered":
      return `Registered as ${notice.id} at ${hostPort(notice)}, also after you leave`;
    case "bridged":
      return `${notice.peer.id} ${hostPort(notice.peer)} found: /chat begins`;
    case "ended":
      return notice.by === "busy"
        ? "Busy: another chat is going on there, and what you typed was not read"
        : undefined;
    case "failed":
      return line === undefined ? notice.reason : undefined;
    default:
      return undefined;
  }
}
