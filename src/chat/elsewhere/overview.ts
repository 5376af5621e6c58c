// The number of people in each room and on all servers of the store, as last reported by the store.
// Does nothing if there are no other servers.

import { people as limits } from "../../limits.ts";
import type { HubState } from "../hub-state.ts";
import type { Session } from "../session.ts";
import type { Overview } from "../turn/store.ts";
import { StoreQueries } from "../turn/store-queries.ts";

/**
 * Calls `then` at once, or when the store has answered unless the session is over; undefined: there
 * are no other servers, or the store could not be read.
 */
export function withOverview(
  hub: HubState,
  session: Session,
  then: (overview: Overview | undefined) => void,
): void {
  if (hub.options.shared === undefined) return then(undefined);
  const { overview } = hub;
  if (overview !== undefined && hub.nowMs - overview.atMs < limits.overviewMs) {
    return then(overview);
  }
  const queries = new StoreQueries(hub, session);
  queries.ask<Overview>(
    (answer) => hub.store.overview(answer),
    (found) => (hub.overview = { ...found, atMs: hub.nowMs }),
  );
  queries.whenAnswered((error) => {
    if (error !== undefined) hub.options.log.warn(error.message);
    then(hub.overview);
  });
}
