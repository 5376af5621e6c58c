// Counts the people on the server, for clients that are told on connecting.

import { people as limits } from "../../limits.ts";
import type { HubState } from "../hub-state.ts";
import type { Ref } from "../events.ts";
import { idsOf } from "../rooms/room-rights.ts";
import type { Session } from "../session.ts";

export function tellCensus(hub: HubState, session: Session, ref?: Ref): void {
  if (hub.nowMs - hub.counted.atMs >= limits.censusMs) hub.counted = countPeople(hub);
  const { operators, hidden } = hub.counted;
  const { overview } = hub;
  const people = Math.max(hub.names.size, overview?.people ?? 0);
  hub.send(session, {
    type: "census",
    people,
    hidden: Math.min(hidden, people),
    nameless: Math.max(0, hub.sessions.size - hub.names.size),
    operators,
    rooms: Math.max(hub.rooms.size, overview?.rooms.length ?? 0),
    most: Math.max(hub.mostPeople, people),
    timeMs: hub.stampMs,
    ref,
  });
}

function countPeople({ rights, names, nowMs }: HubState): HubState["counted"] {
  const { roles } = rights;
  let operators = 0;
  let hidden = 0;
  for (const one of names.members()) {
    if (one.person.isHidden) hidden++;
    if (roles.isOperator(idsOf(one))) operators++;
  }
  return { atMs: nowMs, operators, hidden };
}
