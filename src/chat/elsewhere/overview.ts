// The number of people in each room and on all servers of the store, as last reported by the store.
// Does nothing if there are no other servers.

import { people as limits } from "../../limits.ts";
import type { HubState } from "../hub-state.ts";
import type { Session } from "../session.ts";
import type { Overview } from "../turn/store.ts";
import { askStore } from "../turn/store-queries.ts";

/**
 * Calls `then` at once, or when the store has answered unless the session is over; undefined: there
 * are no other servers, or the store could not be read.
 */
export function withOverview(
  hub: HubState,
  session: Session,
  then: (overview: Overview | undefined) => void,
): void {
  if (hub.isAlone) return then(undefined);
  const { overview } = hub;
  if (overview !== undefined && hub.nowMs - overview.atMs < limits.overviewMs) {
    return then(overview);
  }
  askStore(hub, session, { type: "overview" }, (found) => {
    if (found.done) hub.overview = { ...found.result, atMs: hub.nowMs };
    else hub.log.warn(found.error.message);
    then(hub.overview);
  });
}
