// What the members of a room are told if somebody who is there by several servers has another rank
// because they have come to one of these, or left it.

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
  // Of those who come, the rank is told with their arrival.
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
