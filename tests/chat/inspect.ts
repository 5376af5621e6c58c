// What a hub keeps and shows, read from its private state: nothing else needs to know it.

import { personKey } from "../../src/chat/session.ts";
import { fold } from "../../src/chat/names/grammar.ts";
import type { Hub } from "../../src/chat/hub.ts";
import { entriesOf } from "../../src/chat/rooms/room-commands.ts";
import type { RoomState, RosterEntry } from "../../src/chat/rooms/room-events.ts";
import { stateOf } from "../../src/chat/rooms/room-rights.ts";

/** Names of all members. */
export function memberNames(hub: Hub): string[] {
  return [...hub["state"].names.names()];
}

/** Folded names in use, each with the key of the person (session.ts). */
export function nameHolders(hub: Hub): Map<string, string> {
  const members = [...hub["state"].names.members()];
  return new Map(members.map(({ identity }) => [identity.folded, personKey(identity)]));
}

/** Names of a room's members: those on this server, and those on all servers. */
export function membersOf(
  hub: Hub,
  room: string,
): { here: readonly string[]; everywhere: readonly string[] } {
  const open = hub["state"].rooms.get(room);
  if (open === undefined) return { here: [], everywhere: [] };
  return { here: [...open.roster.values()], everywhere: open.names() };
}

/** Which of a room's members are away. */
export function awayIn(hub: Hub, room: string): Map<string, boolean> {
  const { rooms, names } = hub["state"];
  const open = rooms.get(room);
  const members = (open?.names() ?? []).map((name): [string, boolean] => {
    const folded = fold(name);
    const here = open?.roster.has(folded) === true ? names.holder(folded) : undefined;
    const there = open?.elsewhere?.get(folded)?.about;
    return [name, (here === undefined ? there?.away : here.person.away) !== undefined];
  });
  return new Map(members);
}

/** What the room shows to its members; undefined: it has none. */
export function viewOf(
  hub: Hub,
  room: string,
): { state: RoomState; members: readonly RosterEntry[] } | undefined {
  const state = hub["state"];
  const open = state.rooms.get(room);
  if (open === undefined) return undefined;
  return { state: stateOf(state, open, true), members: entriesOf(state, open) };
}

/** Sizes of all state kept per session or room. */
export function keptBy(hub: Hub): Record<keyof typeof nothing, number> {
  const state = hub["state"];
  return {
    sessions: state.sessions.size,
    rooms: state.rooms.size + state.heldRooms.size,
    openedRooms: state.openedRooms.size,
    names: state.names.keptEntries,
    watches: state.watches.size,
    chatsElsewhere: state.chatsElsewhere.size,
    roomsElsewhere: state.roomsElsewhere.size,
    accessTokens: state.accessTokens,
    schedule: state.schedule.size,
    requests: state.store.size,
    batches: state.pipeline.isSettled ? 0 : 1,
    backlogBytes: state.backlog.bytes,
    offers: state.offers.size,
    codes: state.codes.size,
    calls: state.calls.size,
    frameChars: state.offers.waitingChars,
    claims: state.claims.size,
    budgets: hub["budgets"].used,
    longReads: state.longReads.size,
  };
}

/** `keptBy` when nobody is connected. */
export const nothing = {
  sessions: 0,
  rooms: 0,
  openedRooms: 0,
  names: 0,
  watches: 0,
  chatsElsewhere: 0,
  roomsElsewhere: 0,
  accessTokens: 0,
  schedule: 0,
  requests: 0,
  batches: 0,
  backlogBytes: 0,
  offers: 0,
  codes: 0,
  calls: 0,
  frameChars: 0,
  claims: 0,
  budgets: 0,
  longReads: 0,
};
