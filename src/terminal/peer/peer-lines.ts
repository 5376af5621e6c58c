// Lines that `parley peer` prints on stderr where the original program prints nothing. Pure.

import { isLoopback } from "../../addresses.ts";
import { calls } from "../../limits.ts";
import { harmless } from "../../text.ts";
import { hostPort } from "../../cpp/codec.ts";
import type { PeerEvent } from "../../cpp/peer-event.ts";
import { pathText } from "../files/offer-text.ts";

/** The commands, shown once to a person at a terminal. */
export const peerCommands =
  "/register, /bridge [NAME], /chat, /id, /help, /quit; in a call with parley /send PATH, /get, /decline, /verify";

/** The sentence for `event`, if it needs one; `line` is what the original program prints for it. */
export function peerStatus(event: PeerEvent, line: string | undefined): string | undefined {
  const text = statusText(event, line);
  return text === undefined ? undefined : harmless(text);
}

/** The protection of a call, and its path if that is not the usual one. */
function callText(event: Extract<PeerEvent, { event: "chat" }>): string | undefined {
  const text = protectionText(event);
  if (event.path !== "relayed") return text;
  return `${text}. The call goes through the server, which can't read it`;
}

/** The protection of a call. On a single machine there is no man in the middle. */
function protectionText({ peer, secured }: Extract<PeerEvent, { event: "chat" }>) {
  switch (secured) {
    case undefined:
      if (isLoopback(peer.ip)) return undefined;
      return "Not protected: anyone on the network path can read and change what is said";
    case "new":
      return `Protected by TLS. You did not know the key of ${peer.id} before; it is remembered from now on`;
    case "known":
      return `Protected by TLS, and ${peer.id} has shown the key that you know`;
    case "verified":
      return `Protected by TLS, and ${peer.id} has shown the key that you have compared`;
  }
}

function waitingText({ wanted, registered }: Extract<PeerEvent, { event: "waiting" }>) {
  const nobody =
    wanted === undefined ? [] : [`Nobody called ${wanted} can be reached at the moment`];
  const unknown = registered ? [] : ["Nobody can find you until you /register"];
  return [...nobody, ...unknown].join(". ") || undefined;
}

const serverTexts = {
  lost: `The connection through the server is lost, at this end or the other. The call waits ${calls.waitMs / 1_000} s for it`,
  back: "The connection through the server is back, and the call continues",
  gone: "The connection through the server did not come back",
} as const;

function statusText(event: PeerEvent, line: string | undefined): string | undefined {
  switch (event.event) {
    case "registered":
      return `Registered as ${event.id} at ${hostPort(event)}; the registration stays when you leave`;
    case "waiting":
      return waitingText(event);
    case "bridged":
      return `${event.peer.id} ${hostPort(event.peer)} found: /chat starts the chat`;
    case "chat":
      return callText(event);
    case "path":
      return event.path === "relayed"
        ? "The call goes through the server again"
        : `The call now goes ${pathText(event)}`;
    case "server":
      return serverTexts[event.state];
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
