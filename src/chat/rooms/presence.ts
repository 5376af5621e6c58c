// What kinds of events about people there are. Pure.

import type { PresenceEvent } from "../events.ts";
import type { RoomChange } from "./room-change.ts";
import type { SaidRun } from "./said-run.ts";

/** It changes who is in the room, or under which name. */
export type RosterChange = Extract<PresenceEvent, { type: "joined" | "left" | "renamed" }>;

export type ModeEvent = Extract<PresenceEvent, { type: "mode" }>;

/** Changes whose author the room's members can't be told. */
export function changedByServer(room: string, changes: readonly RoomChange[]): ModeEvent {
  return { type: "mode", by: "the server", changes, room, author: 0, persona: undefined };
}

export function isRosterChange(event: SaidRun | PresenceEvent): event is RosterChange {
  return event.type === "joined" || event.type === "left" || event.type === "renamed";
}

/** Whether it happened in all rooms of the person, which some dialects tell without naming them. */
export function spansRooms(event: SaidRun | PresenceEvent): boolean {
  return event.type !== "said" && (event.once ?? 0) !== 0;
}
