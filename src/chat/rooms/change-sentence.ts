// What people are told about changes to a room, in words. Pure.

import { harmless, quoted } from "../../text.ts";
import { readChanges, type RoomChange, type RoomFlag } from "./room-change.ts";

/** `Bob is an operator of den now (set by Ann)`; several changes, separated by semicolons. */
export function changeSentence(by: string, room: string, changes: readonly RoomChange[]): string {
  const facts = changes.map((change) => factOf(change, harmless(room))).join("; ");
  return `${facts} (set by ${harmless(by)})`;
}

/** The same for changes in their notation, which a newer server may have extended. */
export function writtenChangeSentence(by: string, room: string, change: string): string {
  const [letters = "", ...args] = change.split(" ");
  const { changes, bad, lists } = readChanges(letters, args, letters.length);
  const isKnown = changes.length > 0 && bad.length === 0 && lists.length === 0;
  if (isKnown) return changeSentence(by, room, changes);
  return `${harmless(by)} has set ${harmless(change)} in ${harmless(room)}`;
}

const flagFacts: Readonly<Record<RoomFlag, (room: string) => readonly [on: string, off: string]>> =
  {
    "invite-only": (room) => [
      `${room} can only be entered by invitation now`,
      `${room} can be entered without an invitation now`,
    ],
    moderated: (room) => [
      `${room} is moderated now: only operators, and people whom they let speak, may write`,
      `${room} is no longer moderated`,
    ],
    "members-only": (room) => [
      `${room} takes messages only from people in it now`,
      `${room} takes messages from outside now`,
    ],
    secret: (room) => [
      `${room} is only shown to the people in it now`,
      `${room} is shown to everybody now`,
    ],
    "topic-locked": (room) => [
      `${room} lets only operators change its topic now`,
      `${room} lets everybody in it change its topic now`,
    ],
  };

function factOf(change: RoomChange, room: string): string {
  switch (change.what) {
    case "operator":
      return change.isOn
        ? `${harmless(change.name)} is an operator of ${room} now`
        : `${harmless(change.name)} is no longer an operator of ${room}`;
    case "voice":
      return change.isOn
        ? `${harmless(change.name)} may write in ${room} now, even while it is moderated`
        : `${harmless(change.name)} may no longer write in ${room} while it is moderated`;
    case "flag": {
      const [on, off] = flagFacts[change.flag](room);
      return change.isOn ? on : off;
    }
    case "key":
      if (change.key === undefined) return `${room} can be entered without a key now`;
      return `${room} can only be entered with the key ${quoted(change.key)} now`;
    case "limit":
      if (change.limit === undefined) return `${room} has no limit of people any more`;
      return `${room} can't be entered now while ${change.limit} people are in it`;
    case "ban":
      return change.isOn
        ? `${harmless(change.mask)} is banned from ${room}`
        : `${harmless(change.mask)} is no longer banned from ${room}`;
  }
}
