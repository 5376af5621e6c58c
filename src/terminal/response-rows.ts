// The server's responses as rows for people: lists of people, rooms and files. Pure.

import { harmless } from "../text.ts";
import type { ListedDevice, SessionResponse } from "../client/events.ts";
import type { OpenRooms } from "./open-rooms.ts";
import { sizeText } from "../size-text.ts";
import { type TextArea, wrapItems, wrapText } from "./wrap.ts";

/**
 * Not listed here: messages appear in the transcript, keys are compared first, offers have their
 * own rows.
 */
type Listing = Exclude<
  SessionResponse,
  { type: "history" | "found" | "keys" | "offering" | "sharing" | "upload" | "code-joined" }
>;

export function responseRows(
  response: Listing,
  rooms: Pick<OpenRooms, "has" | "isCurrent">,
  area: TextArea,
): string[] {
  switch (response.type) {
    case "names": {
      const { names, total, room } = response;
      return list(names.map(harmless), area, `${total} in ${harmless(room)}: `);
    }
    case "rooms":
      return list(
        response.rooms.map(({ room, members }) => {
          const mark = rooms.isCurrent(room) ? ", here" : rooms.has(room) ? ", joined" : "";
          return `${harmless(room)} (${members}${mark})`;
        }),
        area,
      );
    case "name":
      return [`You are now ${harmless(response.name)}`];
    case "registered":
      return [`The name ${harmless(response.name)} is yours now: nobody else can use it`];
    case "password-set":
      return [
        response.isSet
          ? "The password is set: browsers and old clients can log in to your name with it"
          : "The password is removed: only your devices can log in with your name",
      ];
    case "device-code": {
      const minutes = Math.round(response.seconds / 60);
      return [
        `On the other device type, within ${minutes} minutes: /link ${harmless(response.code)}`,
      ];
    }
    case "linked":
      return [
        `This device is one of ${harmless(response.name)}'s now: connect again with --name ${harmless(response.name)}`,
      ];
    case "devices":
      return response.devices.flatMap((device) =>
        wrapText(deviceText(device), area, { first: "  ", other: "    " }),
      );
    case "admin": {
      const { message, rows } = response;
      const lines = rows.map(({ text, fields }) => text ?? JSON.stringify(fields));
      return [...(message === undefined ? [] : [message]), ...lines].map(harmless);
    }
    case "files":
      if (response.files.length === 0) return ["There are no files"];
      return response.files.flatMap(({ name, sizeBytes }) => {
        const size = name.endsWith("/") ? "folder" : sizeText(sizeBytes);
        const first = `  ${size.padStart(8)}  `;
        return wrapText(harmless(name), area, { first, other: " ".repeat(first.length) });
      });
  }
}

/** The beginning of a key is enough to tell devices apart. */
function deviceText({ key, label, usedMs, revokedMs, isOwn }: ListedDevice): string {
  const used = new Date(usedMs).toISOString().slice(0, 10);
  const state = revokedMs === undefined ? `last login ${used}` : "revoked";
  const name = label === "" ? "" : `${harmless(label)}, `;
  return `${harmless(key.slice(0, keyChars))}  ${name}${state}${isOwn ? ", this one" : ""}`;
}

const keyChars = 8;

function list(items: readonly string[], area: TextArea, first = ""): string[] {
  const separated = items.map((item, index) => (index < items.length - 1 ? `${item},` : item));
  return wrapItems(separated, area, { first, other: "  " });
}
