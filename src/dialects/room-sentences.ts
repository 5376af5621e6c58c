// The sentences that all text dialects share for what happens in a room and their originals do not
// have. Each is without a line ending; the dialect wraps it in its own form.

import type { PresenceEvent } from "../chat/events.ts";
import { changesText } from "../chat/room-change.ts";

type Other = Exclude<PresenceEvent, { type: "joined" | "left" | "renamed" }>;

/** Undefined: people are not told. */
export function roomSentence(event: Other): string | undefined {
  switch (event.type) {
    case "away":
      return event.away === undefined
        ? `${event.name} is back`
        : `${event.name} is away: ${event.away}`;
    case "mode":
      return `${event.by} has set ${changesText(event.changes)} in ${event.room}`;
    case "account":
    case "real-name":
    case "invited":
    case "signal":
      return undefined;
  }
}
