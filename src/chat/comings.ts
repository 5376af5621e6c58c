// Notifies watchers of a name when somebody starts or stops using it, and remembers former holders.
// Somebody who uses a name on this and on another server comes once and goes once.

import type { ForeignPerson } from "./foreign-person.ts";
import type { HubState } from "./hub-state.ts";
import { fold } from "./names/grammar.ts";
import type { Persona } from "./persona.ts";
import type { Session } from "./session.ts";

/** Somebody has connected to or disconnected from another server. */
export type ForeignComing = {
  readonly folded: string;
  readonly name: string;
  readonly persona: Persona;
  readonly isHere: boolean;
};

/** The session has just taken its name. */
export function noteCome(hub: HubState, session: Session): void {
  const { name, folded } = session.identity;
  hub.list(folded);
  hub.mostPeople = Math.max(hub.mostPeople, hub.names.size);
  if (hub.names.otherDevices(session).length > 0 || hub.watches.elsewhere.has(folded)) return;
  tellCome(hub, folded, name, hub.personas.shown(session));
}

/** The session has given up its name, or the given one. */
export function noteGone(hub: HubState, session: Session, name = session.name): void {
  const folded = fold(name);
  hub.list(folded);
  const persona = hub.personas.shown(session);
  if (persona !== undefined) hub.formerPeople.note({ name, persona, timeMs: hub.stampMs });
  if (hub.names.holder(folded) !== undefined || hub.watches.elsewhere.has(folded)) return;
  tellGone(hub, folded, name);
}

/** The same for other servers. */
export function noteElsewhere(hub: HubState, people: readonly ForeignComing[]): void {
  for (const { folded, name, persona, isHere } of people) {
    if (!isHere) hub.formerPeople.note({ name, persona, timeMs: hub.stampMs });
    if (!hub.watches.has(folded)) continue;
    if (isHere) comeElsewhere(hub, folded, name, persona);
    // The owner may still be connected to a third server.
    else {
      hub.store.findElsewhere([folded], (outcome) => {
        if (outcome.done && outcome.result.length === 0) goneElsewhere(hub, folded, name);
      });
      hub.wake();
    }
  }
}

/**
 * Among these folded names, `people` are connected to other servers now, whatever was known before.
 */
export function reviewElsewhere(
  hub: HubState,
  names: readonly string[],
  people: readonly ForeignPerson[],
): void {
  for (const folded of names) {
    const found = people.find((person) => person.folded === folded);
    if (!hub.watches.has(folded)) continue;
    if (found === undefined) goneElsewhere(hub, folded, undefined);
    else comeElsewhere(hub, folded, found.name, found.about.persona);
  }
}

function comeElsewhere(hub: HubState, folded: string, name: string, persona: Persona): void {
  if (hub.watches.elsewhere.has(folded)) return;
  hub.watches.elsewhere.add(folded);
  if (hub.names.holder(folded) === undefined) tellCome(hub, folded, name, persona);
}

/** `name` undefined: its spelling is unknown. */
function goneElsewhere(hub: HubState, folded: string, name: string | undefined): void {
  if (!hub.watches.elsewhere.delete(folded)) return;
  if (hub.names.holder(folded) === undefined) tellGone(hub, folded, name);
}

function tellCome(hub: HubState, folded: string, name: string, persona: Persona | undefined): void {
  for (const watcher of hub.watches.watchersOf(folded)) {
    const here = [{ name, persona }];
    hub.send(watcher, { type: "watched", here, gone: [], refused: [], ref: undefined });
  }
}

function tellGone(hub: HubState, folded: string, name: string | undefined): void {
  for (const watcher of hub.watches.watchersOf(folded)) {
    const gone = [name ?? hub.watches.nameFor(watcher, folded)];
    hub.send(watcher, { type: "watched", here: [], gone, refused: [], ref: undefined });
  }
}
