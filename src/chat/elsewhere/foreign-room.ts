// A view of a room whose members are all on other servers. It can be shown, but not entered.

import type { ParleyError } from "../../errors.ts";
import { ForeignRoster } from "./foreign-roster.ts";
import type { HubState } from "../hub-state.ts";
import { Room } from "../rooms/room.ts";
import type { Session } from "../session.ts";
import { askStore } from "../turn/store-queries.ts";

/**
 * Calls `then` with the room, or with undefined if it is empty: at once, or when the store has
 * answered, unless the session has ended by then.
 */
export function withRoom(
  hub: HubState,
  session: Session,
  folded: string,
  then: (room: Room | undefined, error?: ParleyError) => void,
): void {
  const open = hub.rooms.get(folded);
  if (open !== undefined || hub.isAlone) return then(open);
  askStore(hub, session, { type: "room-bounds", room: folded }, (found) => {
    const since = hub.rooms.get(folded);
    if (!found.done) return then(since, found.error);
    const { last, elsewhere } = found.result;
    if (since !== undefined || elsewhere === undefined) return then(since);
    const roster = new ForeignRoster(elsewhere.version);
    roster.replace(elsewhere.members);
    if (roster.size === 0) return then(undefined);
    then(new Room(folded, last, session.shareOwner, hub.stampMs, roster));
  });
}
