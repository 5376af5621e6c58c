// Sentences shared by all text dialects for room events that their originals do not have. They have
// no line ending; each dialect wraps them in its own form.

import type { PresenceEvent } from "../chat/events.ts";
import { changeSentence } from "../chat/rooms/change-sentence.ts";

type Other = Exclude<PresenceEvent, { type: "joined" | "left" | "renamed" }>;

/** Undefined if people are not told about the event. */
export function roomSentence(event: Other): string | undefined {
  switch (event.type) {
    case "away":
      return event.away === undefined
        ? `${event.name} is back`
        : `${event.name} is away: ${event.away}`;
    case "mode":
      return changeSentence(event.by, event.room, event.changes);
    case "account":
    case "real-name":
    case "invited":
    case "signal":
      return undefined;
  }
}
