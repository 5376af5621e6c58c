// The server's responses as rows for people: lists of people, rooms and files. Pure.

import { harmless } from "../../text.ts";
import type { ListedDevice, SessionResponse } from "../../client/events.ts";
import type { OpenRooms } from "./open-rooms.ts";
import { sizeText } from "../../size-text.ts";
import { type TextArea, wrapItems, wrapText } from "../output/wrap.ts";

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
  const sentence = (text: string): string[] => sentenceRows(text, area);
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
      return sentence(`You are now ${harmless(response.name)}`);
    case "registered":
      return sentence(`The name ${harmless(response.name)} is yours now: nobody else can use it`);
    case "password-set":
      return sentence(
        response.isSet
          ? "The password is set: browsers and old clients can log in to your name with it"
          : "The password is removed: only your devices can log in with your name",
      );
    case "device-code": {
      const minutes = Math.round(response.seconds / 60);
      return sentence(
        `On the other device type, within ${minutes} minutes: /link ${harmless(response.code)}`,
      );
    }
    case "linked": {
      const name = harmless(response.name);
      return sentence(`This device now belongs to ${name}: connect again with --name ${name}`);
    }
    case "devices":
      return deviceRows(response.devices, area);
    case "admin": {
      const { message, rows } = response;
      // JSON is meant for programs, and is not broken between its words.
      const lines = rows.flatMap(({ text, fields }) =>
        text === undefined ? [harmless(JSON.stringify(fields))] : sentence(harmless(text)),
      );
      return [...(message === undefined ? [] : sentence(harmless(message))), ...lines];
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

/** Keeps the spaces that the text begins with. */
function sentenceRows(text: string, area: TextArea): string[] {
  const [first = ""] = /^ */.exec(text) ?? [];
  return wrapText(text, area, { first, other: "  " });
}

function deviceRows(devices: readonly ListedDevice[], area: TextArea): string[] {
  if (devices.length === 0) {
    return sentenceRows("Your name has no device: you log in with its password", area);
  }
  return devices.flatMap((device) =>
    wrapText(deviceText(device), area, { first: "  ", other: "    " }),
  );
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
