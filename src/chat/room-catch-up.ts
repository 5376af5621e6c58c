// Nobody is told of a room from before what they have heard of it at another server.

import type { ParleyError } from "../errors.ts";
import type { HubState } from "./hub-state.ts";
import type { Session } from "./session.ts";
import type { RoomBounds } from "./store.ts";
import { StoreQueries } from "./store-queries.ts";

/** Calls `then` once the open rooms among these have got as far as the store. */
export function whenCaughtUp(
  hub: HubState,
  session: Session,
  rooms: Map<string, RoomBounds>,
  then: (problem: ParleyError | undefined) => void,
): void {
  if (hub.options.shared === undefined) return then(undefined);
  const queries = new StoreQueries(hub, session);
  let isBehind = false;
  for (const [name, { last }] of rooms) {
    if ((hub.rooms.get(name)?.seq ?? last) >= last) continue;
    isBehind = true;
    // The answer comes once the room has got there.
    queries.ask<RoomBounds>(
      (done) => hub.store.bounds(name, done),
      (bounds) => rooms.set(name, bounds),
    );
  }
  if (!isBehind) return then(undefined);
  queries.whenAnswered((problem) => {
    if (problem !== undefined) then(problem);
    else whenCaughtUp(hub, session, rooms, then);
  }, true);
}
