// Translates a server's answer into a response for the session's user. Pure.

import { naturally } from "../natural-order.ts";
import type { DeviceInfo, FileInfo, RoomMessage, ServerMessage } from "../protocol/messages.ts";
import type {
  FileEntry,
  ListedDevice,
  PastMessage,
  SessionResponse,
  WithoutRef,
} from "./events.ts";

type Answer = WithoutRef<Extract<ServerMessage, { ref?: unknown }>>;

/** The response and the number of its request; undefined for other messages. */
export function readResponse(
  message: ServerMessage,
): { ref: number | undefined; response: SessionResponse } | undefined {
  if (!("ref" in message)) return undefined;
  const { ref, ...answer } = message;
  const response = responseOf(answer);
  return response && { ref: typeof ref === "number" ? ref : undefined, response };
}

function responseOf(answer: Answer): SessionResponse | undefined {
  switch (answer.type) {
    case "name":
    case "device-code":
    case "keys":
    case "admin":
    case "linked":
    case "sharing":
    case "code-joined":
      return answer;
    case "names":
      return { ...answer, names: answer.names.toSorted(naturally) };
    case "rooms":
      return { ...answer, rooms: inOrder(answer.rooms, ({ room }) => room) };
    case "history": {
      const { type, room, messages } = answer;
      return { type, room, messages: messages.map(pastMessage), oldest: messages[0]?.seq };
    }
    case "found": {
      const { type, room, messages, next } = answer;
      return { type, room, messages: messages.map(pastMessage), next };
    }
    case "files": {
      const { type, files, next } = answer;
      return { type, files: inOrder(files.map(fileEntry), ({ name }) => name), next };
    }
    case "registered":
      return { type: "registered", name: answer.name };
    case "password-set":
      return { type: "password-set", isSet: answer.isSet };
    case "devices":
      return { type: "devices", devices: answer.devices.map(listedDevice) };
    case "upload": {
      const { type, path, from = 0 } = answer;
      return { type, path, from };
    }
    case "offering": {
      const { type, offer, here, online = false } = answer;
      return { type, offer, here, online };
    }
    default:
      return undefined;
  }
}

/** The server sorts pages by code unit, so that any client can ask for what follows a name. */
function inOrder<T>(items: readonly T[], nameOf: (item: T) => string): readonly T[] {
  return items.toSorted((a, b) => naturally(nameOf(a), nameOf(b)));
}

function fileEntry({ name, size, modified }: FileInfo): FileEntry {
  return { name, sizeBytes: size, modifiedMs: modified };
}

function listedDevice({ key, label, used, revoked, own }: DeviceInfo): ListedDevice {
  return { key, label, usedMs: used, revokedMs: revoked, isOwn: own === true };
}

function pastMessage({ seq, time, from, text, kind, deleted }: RoomMessage): PastMessage {
  return { seq, timeMs: time, from, text, kind, deleted };
}
