// Announces changes of members that follow from something else: somebody's rank or away state
// changes because another of their connections joins or leaves, or because they become an operator
// of the server or cease to be one.

import { changedByServer } from "./presence.ts";
import type { HubState } from "../hub-state.ts";
import type { PresenceEvent } from "../events.ts";
import { rankChanges, rankOf } from "./room-rights.ts";
import type { Room } from "./room.ts";
import type { RoomChange } from "./room-change.ts";
import type { Proven, Session } from "../session.ts";

/** Call it before they come or leave, and the result after that. */
export function followMember(
  hub: HubState,
  room: Room,
  folded: string,
): () => readonly PresenceEvent[] {
  // The rank of somebody who arrives is announced with the arrival.
  if (!room.has(folded)) return () => [];
  const was = rankOf(hub, room, folded);
  const wasAway = shownAway(hub, room, folded) !== undefined;
  return () => {
    const elsewhere = room.elsewhere?.get(folded);
    const name = room.roster.get(folded) ?? elsewhere?.name;
    if (name === undefined) return [];
    const events: PresenceEvent[] = [];
    const { isOperator, isVoiced } = rankOf(hub, room, folded);
    const changes: RoomChange[] = [];
    if (was.isOperator !== isOperator) changes.push({ what: "operator", name, isOn: isOperator });
    if (was.isVoiced !== isVoiced) changes.push({ what: "voice", name, isOn: isVoiced });
    if (changes.length > 0) events.push(changedByServer(room.name, changes));
    if (wasAway && shownAway(hub, room, folded) === undefined) {
      const here = hub.names.holder(folded);
      const persona = here === undefined ? elsewhere?.about?.persona : hub.personas.shown(here);
      const about = { author: -1, persona, once: hub.pipeline.nextOrder() };
      events.push({ type: "away", room: room.name, name, away: undefined, ...about });
    }
    return events;
  };
}

/** A member's away message as the room shows it; the member may be connected to several servers. */
export function shownAway(hub: HubState, room: Room, folded: string): string | undefined {
  const isHere = room.roster.has(folded);
  return (isHere ? hub.names.holder(folded)?.person : room.elsewhere?.get(folded)?.about)?.away;
}

/**
 * The same for all members of all rooms whenever the operators of the server change: call it before
 * that, and the result after it.
 */
export function followOperators(hub: HubState): () => void {
  const before = hub.rights.roles.ids();
  return () => {
    const now = hub.rights.roles.ids();
    if (before.size === now.size && [...before].every((id) => now.has(id))) return;
    for (const room of hub.rooms.values()) {
      const changes = rankChanges(hub, room, { before, now });
      if (changes.length > 0) hub.announce(room, changedByServer(room.name, changes));
    }
  };
}

/** The same for the rooms of a session that proves more. */
export function followRanks(hub: HubState, session: Session): () => void {
  const ranks = Array.from(session.rooms).flatMap(({ room: name }) => {
    const room = hub.rooms.get(name);
    if (room === undefined) return [];
    return [{ room, news: followMember(hub, room, session.identity.folded) }];
  });
  return () => {
    for (const { room, news } of ranks) for (const event of news()) hub.announce(room, event);
  };
}

/** The session has proved more, which may give it a rank in the rooms that it is in. */
export function proveInRooms(hub: HubState, session: Session, more: Partial<Proven>): void {
  const tellRooms = followRanks(hub, session);
  session.prove(more);
  tellRooms();
}
