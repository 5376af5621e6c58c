// Sentences about people and rooms that the terminal and the page share. Pure.

import { writtenChangeSentence } from "../chat/rooms/change-sentence.ts";
import { harmless } from "../text.ts";
import type { SessionEvent } from "./events.ts";

/** Somebody is away or back, sets a room's mode or invites into it; or a room can't be entered. */
export type RoomNews = Extract<SessionEvent, { type: "away" | "mode" | "call" | "join-failed" }>;

export function roomNewsText(event: RoomNews): string {
  switch (event.type) {
    case "away":
      return event.text === undefined
        ? `${harmless(event.name)} is back`
        : `${harmless(event.name)} is away: ${harmless(event.text)}`;
    case "mode":
      return writtenChangeSentence(event.by, event.room, event.change);
    case "call":
      return `${harmless(event.from)} invites you into the room ${harmless(event.room)}: /join ${harmless(event.room)}`;
    case "join-failed": {
      const way = event.code === "room-key" ? `: /join ${harmless(event.room)} KEY` : "";
      return `${harmless(event.message)}${way}`;
    }
  }
}
