// Notifies watchers of a name when somebody starts or stops using it, and remembers former holders.
// Somebody who uses a name on this and on another server comes once and goes once.

import type { ForeignPerson } from "../elsewhere/foreign-person.ts";
import type { HubState } from "../hub-state.ts";
import { fold } from "../names/grammar.ts";
import type { Persona } from "./persona.ts";
import type { Session } from "../session.ts";

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
    hub.watches.news++;
    const isClear = isHere && !hub.watches.isLookedUp(folded);
    if (isClear) comeElsewhere(hub, folded, name, persona);
    else lookElsewhere(hub, folded, name);
  }
}

/**
 * Asks who has the name at other servers: its owner may still be connected to a third one. News
 * that come before the answer may be newer than the answer, so it is asked again.
 */
export function lookElsewhere(hub: HubState, folded: string, name: string): void {
  if (!hub.watches.beginLookup(folded)) return;
  hub.store.ask({ type: "find-elsewhere", names: [folded] }, (outcome) => {
    if (hub.watches.endLookup(folded)) return lookElsewhere(hub, folded, name);
    if (!outcome.done || !hub.watches.has(folded)) return;
    const [found] = outcome.result;
    if (found === undefined) goneElsewhere(hub, folded, name);
    else comeElsewhere(hub, folded, found.name, found.about.persona);
  });
  hub.wake();
}

/**
 * Among these folded names, `people` are connected to other servers now, whatever was known before.
 * `except`: is told in another way.
 */
export function reviewElsewhere(
  hub: HubState,
  names: readonly string[],
  people: readonly ForeignPerson[],
  except?: Session,
): void {
  const there = new Map(people.map((person) => [person.folded, person]));
  for (const folded of names) {
    if (!hub.watches.has(folded)) continue;
    const found = there.get(folded);
    if (found === undefined) goneElsewhere(hub, folded, undefined, except);
    else comeElsewhere(hub, folded, found.name, found.about.persona, except);
  }
}

function comeElsewhere(
  hub: HubState,
  folded: string,
  name: string,
  persona: Persona,
  except?: Session,
): void {
  if (hub.watches.elsewhere.has(folded)) return;
  hub.watches.elsewhere.add(folded);
  if (hub.names.holder(folded) === undefined) tellCome(hub, folded, name, persona, except);
}

/** `name` undefined: its spelling is unknown. */
function goneElsewhere(
  hub: HubState,
  folded: string,
  name: string | undefined,
  except?: Session,
): void {
  if (!hub.watches.elsewhere.delete(folded)) return;
  if (hub.names.holder(folded) === undefined) tellGone(hub, folded, name, except);
}

function tellCome(
  hub: HubState,
  folded: string,
  name: string,
  persona: Persona | undefined,
  except?: Session,
): void {
  for (const watcher of hub.watches.watchersOf(folded)) {
    if (watcher === except) continue;
    const here = [{ name, persona }];
    hub.send(watcher, { type: "watched", here, gone: [], refused: [], ref: undefined });
  }
}

function tellGone(hub: HubState, folded: string, name: string | undefined, except?: Session): void {
  for (const watcher of hub.watches.watchersOf(folded)) {
    if (watcher === except) continue;
    const gone = [name ?? hub.watches.nameFor(watcher, folded)];
    hub.send(watcher, { type: "watched", here: [], gone, refused: [], ref: undefined });
  }
}
