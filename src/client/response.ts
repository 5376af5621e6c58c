// Translates a server's answer into a response for the session's user. Pure.

import { naturally } from "../natural-order.ts";
import type { RoomMessage, ServerMessage } from "../protocol/messages.ts";
import type { PastMessage, SessionResponse } from "./events.ts";

/** The response and the number of its request; undefined for other messages. */
export function readResponse(
  message: ServerMessage,
): { ref: number | undefined; response: SessionResponse } | undefined {
  const response = responseOf(message);
  if (response === undefined || !("ref" in message)) return undefined;
  return { ref: typeof message.ref === "number" ? message.ref : undefined, response };
}

function responseOf(message: ServerMessage): SessionResponse | undefined {
  switch (message.type) {
    case "names": {
      const { type, room, names, total, next } = message;
      return { type, room, names: names.toSorted(naturally), total, next };
    }
    case "rooms":
      return {
        type: "rooms",
        rooms: inOrder(message.rooms, ({ room }) => room),
        next: message.next,
      };
    case "history":
      return { type: "history", room: message.room, messages: message.messages.map(pastMessage) };
    case "found": {
      const { type, room, messages, next } = message;
      return { type, room, messages: messages.map(pastMessage), next };
    }
    case "files":
      return filesOf(message);
    case "name":
      return { type: "name", name: message.name };
    case "registered":
      return { type: "registered", name: message.name };
    case "password-set":
      return { type: "password-set", isSet: message.isSet };
    case "devices": {
      const devices = message.devices.map(({ key, label, used, revoked, own }) => {
        return { key, label, usedMs: used, revokedMs: revoked, isOwn: own === true };
      });
      return { type: "devices", devices };
    }
    case "device-code":
      return { type: "device-code", code: message.code, seconds: message.seconds };
    case "keys":
      return {
        type: "keys",
        name: message.name,
        registered: message.registered,
        keys: message.keys,
        vouches: message.vouches,
      };
    case "admin":
      return { type: "admin", message: message.message, rows: message.rows };
    case "linked":
      return { type: "linked", name: message.name };
    case "upload":
      return { type: "upload", path: message.path, from: message.from ?? 0 };
    case "sharing":
      return { type: "sharing", offer: message.offer };
    case "code-joined":
      return { type: "code-joined", offer: message.offer, here: message.here };
    case "offering":
      return offeringOf(message);
    default:
      return undefined;
  }
}

/** The server sorts pages by code unit, so that any client can ask for what follows a name. */
function inOrder<T>(items: readonly T[], nameOf: (item: T) => string): readonly T[] {
  return items.toSorted((a, b) => naturally(nameOf(a), nameOf(b)));
}

function filesOf(message: Extract<ServerMessage, { type: "files" }>): SessionResponse {
  const files = message.files.map(({ name, size, modified }) => {
    return { name, sizeBytes: size, modifiedMs: modified };
  });
  return { type: "files", files: inOrder(files, ({ name }) => name), next: message.next };
}

function offeringOf(message: Extract<ServerMessage, { type: "offering" }>): SessionResponse {
  const { type, offer, here, online = false } = message;
  return { type, offer, here, online };
}

function pastMessage({ seq, time, from, text, kind, deleted }: RoomMessage): PastMessage {
  return { seq, timeMs: time, from, text, kind, deleted };
}
