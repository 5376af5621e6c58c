// The output of commands. Pure.

import { harmless } from "../text.ts";
import type { Room, State } from "./state.ts";

/** Most names in one output, so that it does not bury the conversation. */
const maxListed = 100;

export function peopleText({ name, people, peopleTotal }: Room): string {
  const what = peopleTotal === 1 ? "1 person" : `${peopleTotal} people`;
  return `${what} in ${name}: ${list(people.map(harmless), peopleTotal)}`;
}

export function directoryText({ directory }: State): string {
  if (directory.length === 0) return "There are no rooms.";
  const rooms = directory.map(({ room, members }) => `${harmless(room)} (${members})`);
  return `Rooms and the number of people in them: ${list(rooms, rooms.length)}`;
}

function list(items: readonly string[], total: number): string {
  const listed = items.slice(0, maxListed);
  const more = total - listed.length;
  return more > 0 ? `${listed.join(", ")} and ${more} more` : listed.join(", ");
}
