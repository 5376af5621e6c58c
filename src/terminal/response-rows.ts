// The server's responses as rows for people: who is in a room, which rooms and files there are.
// Pure.

import { harmless } from "../text.ts";
import type { SessionResponse } from "../client/events.ts";
import type { OpenRooms } from "./open-rooms.ts";
import { sizeText } from "../size-text.ts";
import { type Page, wrapItems, wrapText } from "./wrap.ts";

/** History is shown as lines of the transcript. */
type Listing = Exclude<SessionResponse, { type: "history" }>;

export function responseRows(
  response: Listing,
  rooms: Pick<OpenRooms, "has" | "isCurrent">,
  page: Page,
): string[] {
  switch (response.type) {
    case "names": {
      const { names, total, room } = response;
      return list(names.map(harmless), page, `${total} in ${harmless(room)}: `);
    }
    case "rooms":
      return list(
        response.rooms.map(({ room, members }) => {
          const mark = rooms.isCurrent(room) ? ", here" : rooms.has(room) ? ", joined" : "";
          return `${harmless(room)} (${members}${mark})`;
        }),
        page,
      );
    case "name":
      return [`You are ${harmless(response.name)} now`];
    case "files":
      if (response.files.length === 0) return ["There are no files"];
      return response.files.flatMap(({ name, sizeBytes }) => {
        const first = `  ${sizeText(sizeBytes).padStart(8)}  `;
        return wrapText(harmless(name), page, { first, other: " ".repeat(first.length) });
      });
  }
}

function list(items: readonly string[], page: Page, first = ""): string[] {
  const separated = items.map((item, index) => (index < items.length - 1 ? `${item},` : item));
  return wrapItems(separated, page, { first, other: "  " });
}
