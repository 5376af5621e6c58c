// The server's responses as rows for people: lists of people, rooms and files. Pure.

import { harmless } from "../text.ts";
import type { SessionResponse } from "../client/events.ts";
import type { OpenRooms } from "./open-rooms.ts";
import { sizeText } from "../size-text.ts";
import { type TextArea, wrapItems, wrapText } from "./wrap.ts";

/** History is shown in the transcript instead. */
type Listing = Exclude<SessionResponse, { type: "history" }>;

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
      return [`The name ${harmless(response.name)} is yours now: nobody else can have it`];
    case "files":
      if (response.files.length === 0) return ["There are no files"];
      return response.files.flatMap(({ name, sizeBytes }) => {
        const first = `  ${sizeText(sizeBytes).padStart(8)}  `;
        return wrapText(harmless(name), area, { first, other: " ".repeat(first.length) });
      });
  }
}

function list(items: readonly string[], area: TextArea, first = ""): string[] {
  const separated = items.map((item, index) => (index < items.length - 1 ? `${item},` : item));
  return wrapItems(separated, area, { first, other: "  " });
}
