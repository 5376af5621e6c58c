// Reports to the other servers, if there can be any, who is in a room here, their public details,
// and other events in the room except messages.

import { publicPerson } from "./directory-entry.ts";
import type { PresenceEvent } from "../events.ts";
import type { HubState } from "../hub-state.ts";
import type { Room } from "../rooms/room.ts";
import { personKey, type Session } from "../session.ts";

/**
 * The session is in the room, with these details. `event`: the announcement to the other members.
 */
export function shareMember(
  hub: HubState,
  session: Session,
  room: Room,
  event: PresenceEvent | undefined,
): void {
  if (hub.isAlone) return;
  const { folded, name } = session.identity;
  const key = personKey(session.identity);
  const about = publicPerson(hub, session);
  const rank = room.ranks.get(key);
  if (room.opening?.key !== key || rank?.isOperator === true) {
    return hub.share(room, { folded, name, about, rank, event });
  }
  const opener = { isVoiced: rank?.isVoiced === true, isOperator: true };
  hub.share(room, { folded, name, about, rank: opener, opens: true, event });
}

/** Announces, here and on other servers, an event in the room that does not change who is in it. */
export function announceEverywhere(hub: HubState, room: Room, event: PresenceEvent): void {
  hub.announce(room, event);
  hub.share(room, { folded: "", name: undefined, event });
}
