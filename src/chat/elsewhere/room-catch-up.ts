// Waits for rooms to catch up, so that nobody sees an older state of a room than they have already
// seen at another server.

import type { ParleyError } from "../../errors.ts";
import type { HubState } from "../hub-state.ts";
import type { Session } from "../session.ts";
import type { RoomBounds } from "../turn/store.ts";
import { StoreQueries } from "../turn/store-queries.ts";

/** Calls `then` once the open ones of these rooms are as up to date as the store. */
export function whenCaughtUp(
  hub: HubState,
  session: Session,
  rooms: Map<string, RoomBounds>,
  then: (problem: ParleyError | undefined) => void,
): void {
  if (hub.isAlone) return then(undefined);
  const queries = new StoreQueries(hub, session);
  let isBehind = false;
  for (const [name, { last, erased }] of rooms) {
    if ((hub.rooms.get(name)?.seq ?? last) >= last) continue;
    isBehind = true;
    // The answer arrives once the room is up to date.
    queries.ask({ type: "room-bounds", room: name }, (bounds) => {
      rooms.set(name, { ...bounds, erased });
    });
  }
  if (!isBehind) return then(undefined);
  queries.whenAnswered((problem) => {
    if (problem !== undefined) then(problem);
    else whenCaughtUp(hub, session, rooms, then);
  }, "even-if-ended");
}
