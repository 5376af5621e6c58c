// The output of commands. Pure.

import { harmless } from "../text.ts";
import type { SessionResponse } from "../client/events.ts";
import { isSameName, type Room, type State } from "./state.ts";

/** Maximum number of names in one output, so that it does not bury the conversation. */
const maxListed = 100;

export function peopleText({ name, people, peopleTotal, isListed }: Room): string {
  if (!isListed) return `The people in ${name} are not listed yet: show the room first.`;
  const what = peopleTotal === 1 ? "1 person" : `${peopleTotal} people`;
  return `${what} in ${name}: ${list(people.map(harmless), peopleTotal)}`;
}

/** Known facts about a user. */
export function whoisText(
  { name, registered, keys }: Extract<SessionResponse, { type: "keys" }>,
  { rooms }: State,
): string {
  const who = harmless(name);
  const shared = rooms.filter(({ people }) => people.some((other) => isSameName(other, name)));
  const place =
    shared.length === 0
      ? "in none of your rooms, as far as this page has listed them"
      : `with you in ${shared.map((room) => room.name).join(", ")}`;
  const devices = keys.length === 1 ? "1 device" : `${keys.length} devices`;
  const account = registered
    ? `The name is registered, with ${devices}.`
    : "The name is not registered: anybody can take it next time.";
  return `${who} is ${place}. ${account}`;
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
