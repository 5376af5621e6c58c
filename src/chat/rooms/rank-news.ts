// What the members of a room are told if somebody who is in it through several servers gains or
// loses a rank by joining, or leaving, at one of them.

import { changedByServer } from "./presence.ts";
import type { HubState } from "../hub-state.ts";
import type { PresenceEvent } from "../events.ts";
import { rankOf } from "./room-rights.ts";
import type { Room } from "./room.ts";
import type { RoomChange } from "./room-change.ts";

/** Call it before they come or leave, and the result after that. */
export function followRank(
  hub: HubState,
  room: Room,
  folded: string,
): () => readonly PresenceEvent[] {
  // The rank of somebody who arrives is announced with the arrival.
  if (!room.has(folded)) return () => [];
  const was = rankOf(hub, room, folded);
  return () => {
    const name = room.roster.get(folded) ?? room.elsewhere?.get(folded)?.name;
    if (name === undefined) return [];
    const { isOperator, isVoiced } = rankOf(hub, room, folded);
    const changes: RoomChange[] = [];
    if (was.isOperator !== isOperator) changes.push({ what: "operator", name, isOn: isOperator });
    if (was.isVoiced !== isVoiced) changes.push({ what: "voice", name, isOn: isVoiced });
    return changes.length === 0 ? [] : [changedByServer(room.name, changes)];
  };
}
