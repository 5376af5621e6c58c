// What kinds of events about people there are. Pure.

import type { PresenceEvent } from "../events.ts";
import type { SaidRun } from "./said-run.ts";

/** It changes who is in the room, or under which name. */
export type RosterChange = Extract<PresenceEvent, { type: "joined" | "left" | "renamed" }>;

export function isRosterChange(event: SaidRun | PresenceEvent): event is RosterChange {
  return event.type === "joined" || event.type === "left" || event.type === "renamed";
}

/** Whether it happened in all rooms of the person, which some dialects tell without naming them. */
export function spansRooms(event: SaidRun | PresenceEvent): boolean {
  return event.type !== "said" && (event.once ?? 0) !== 0;
}
