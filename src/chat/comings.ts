// Tells those who watch a name that somebody has it now, or has it no more, and remembers the latter.

import type { HubState } from "./hub-state.ts";
import { fold } from "./names/grammar.ts";
import type { Session } from "./session.ts";

/** The session has its name now. */
export function noteCome(hub: HubState, session: Session): void {
  hub.list(session.identity.folded);
  hub.mostPeople = Math.max(hub.mostPeople, hub.names.size);
  if (hub.names.otherDevices(session).length > 0) return;
  const { name, folded } = session.identity;
  const persona = hub.personas.shown(session);
  for (const watcher of hub.watches.watchersOf(folded)) {
    const here = [{ name, persona }];
    hub.send(watcher, { type: "watched", here, gone: [], refused: [], ref: undefined });
  }
}

/** The session has given up its name, or that one. */
export function noteGone(hub: HubState, session: Session, name = session.name): void {
  const folded = fold(name);
  hub.list(folded);
  const persona = hub.personas.shown(session);
  if (persona !== undefined) hub.formerPeople.note({ name, persona, timeMs: hub.stampMs });
  if (hub.names.holder(folded) !== undefined) return;
  for (const watcher of hub.watches.watchersOf(folded)) {
    hub.send(watcher, { type: "watched", here: [], gone: [name], refused: [], ref: undefined });
  }
}
