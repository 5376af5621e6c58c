// Looks people up by name, as members of a room, or by a mask; here and on other servers.

import { people as limits } from "../../limits.ts";
import { findElsewhere, mayBeElsewhere } from "../elsewhere/find-elsewhere.ts";
import type { PublicPerson } from "../elsewhere/foreign-person.ts";
import { withRoom } from "../elsewhere/foreign-room.ts";
import type { HubState } from "../hub-state.ts";
import { publicPerson } from "../elsewhere/directory-entry.ts";
import { matchesMask } from "./mask.ts";
import { fold } from "../names/grammar.ts";
import { maskOf, type Persona, type RoomRank } from "./persona.ts";
import type { PeopleCommand, PersonInfo } from "./people-events.ts";
import { rejectUnread } from "../rejections.ts";
import { maySee, rankElsewhere, rankOf } from "../rooms/room-rights.ts";
import type { Room } from "../rooms/room.ts";
import type { Session } from "../session.ts";
import { sendAhead } from "../turn/delivery.ts";

type People = Extract<PeopleCommand, { type: "people" }>;

/**
 * Somebody who was found: a session here, with rooms that other devices are in at other servers, or
 * what is known about somebody on another server.
 */
type Found =
  | { readonly here: Session; readonly rooms?: readonly string[] | undefined }
  | {
      readonly folded: string;
      readonly name: string;
      readonly about: PublicPerson;
      readonly rooms: readonly string[];
      /** In the only one of them, if it is known. */
      readonly rank?: RoomRank | undefined;
    };

export function people(hub: HubState, session: Session, command: People): void {
  const { by, ref } = command;
  if ("names" in by) return named(hub, session, command, by.names);
  if ("mask" in by) {
    const found = byMask(hub, session, by.mask);
    return tellFound(hub, session, command, found);
  }
  const name = fold(by.room);
  withRoom(hub, session, name, (room, error) => {
    if (error !== undefined) return rejectUnread(hub, session, command, error);
    const found = room === undefined ? [] : inRoom(hub, session, room);
    tellFound(hub, session, { by: { room: name }, ref }, found, name);
  });
}

function tellFound(
  hub: HubState,
  session: Session,
  { by, ref }: Pick<People, "by" | "ref">,
  found: readonly Found[],
  room?: string,
): void {
  const some = found.slice(0, limits.maxFound);
  const people = some.map((one) => infoOf(hub, session, one, room));
  const isCut = some.length < found.length;
  const event = { type: "people", by, people, missing: [], isCut, ref } as const;
  if (room === undefined) hub.send(session, event);
  else sendAhead(hub, session, event);
}

function named(hub: HubState, session: Session, command: People, names: readonly string[]): void {
  findElsewhere(hub, session, mayBeElsewhere(hub, names), (others, error) => {
    if (error !== undefined) return rejectUnread(hub, session, command, error);
    const missing: string[] = [];
    const people: PersonInfo[] = [];
    for (const name of names) {
      const here = hub.names.holder(fold(name));
      const elsewhere = others.filter(({ folded }) => folded === fold(name));
      const rooms = [...new Set(elsewhere.flatMap((one) => one.rooms))];
      const [first] = elsewhere;
      if (here !== undefined) people.push(infoOf(hub, session, { here, rooms }, undefined));
      else if (first === undefined) missing.push(name);
      else people.push(infoOf(hub, session, { ...first, rooms }, undefined));
    }
    const { by, ref } = command;
    hub.send(session, { type: "people", by, people, missing, ref });
  });
}

function inRoom(hub: HubState, session: Session, room: Room): Found[] {
  const { name } = room;
  if (!maySee(hub, session, name)) return [];
  const found: Found[] = [];
  for (const folded of room.roster.keys()) {
    const here = hub.names.holder(folded);
    if (here !== undefined && isShown(hub, session, room, folded)) found.push({ here });
    if (found.length > limits.maxFound) return found;
  }
  for (const { folded, name: shown, about, rank } of room.elsewhere?.people() ?? []) {
    if (room.roster.has(folded) || about === undefined) continue;
    if (!isShown(hub, session, room, folded)) continue;
    found.push({ folded, name: shown, about, rank, rooms: [name] });
    if (found.length > limits.maxFound) return found;
  }
  return found;
}

/**
 * Whether a member list of the room includes this person for `asker`. Hidden people are listed only
 * for those who share a room with them.
 */
export function isShown(hub: HubState, asker: Session, room: Room, folded: string): boolean {
  if (asker.rooms.has(room.name)) return true;
  const here = room.roster.has(folded) ? hub.names.holder(folded) : undefined;
  const about = here === undefined ? room.elsewhere?.get(folded)?.about : here.person;
  if (about?.isHidden !== true) return true;
  return here !== undefined && roomsOfPerson(hub, here).some((shared) => asker.rooms.has(shared));
}

/** On other servers, this finds people who share a room with somebody here. */
function byMask(hub: HubState, session: Session, mask: string): Found[] {
  const elsewhere = new Map<string, Exclude<Found, { here: Session }>>();
  for (const room of hub.rooms.values()) {
    for (const { folded, name, about } of room.elsewhere?.people() ?? []) {
      if (about === undefined || hub.names.holder(folded) !== undefined) continue;
      const rooms = [...(elsewhere.get(folded)?.rooms ?? []), room.name];
      elsewhere.set(folded, { folded, name, about, rooms });
    }
  }
  // A search that finds nobody has made the server search as well.
  const looked = (hub.names.size + elsewhere.size) * limits.searchedChars;
  session.queue.charge(looked, hub.options.rates, hub.nowMs);
  const found: Found[] = [];
  for (const one of hub.names.members()) {
    const { folded } = one.identity;
    if (hub.names.holder(folded) !== one || !matches(mask, folded, hub.personas.of(one))) continue;
    const isShown = !one.person.isHidden || one === session || fold(mask) === folded;
    if (isShown || roomsOfPerson(hub, one).some((room) => session.rooms.has(room))) {
      found.push({ here: one });
    }
    if (found.length > limits.maxFound) return found;
  }
  for (const person of elsewhere.values()) {
    const { folded, about, rooms } = person;
    if (!matches(mask, folded, about.persona)) continue;
    const isShown = !about.isHidden || fold(mask) === folded;
    if (isShown || rooms.some((room) => session.rooms.has(room))) found.push(person);
    if (found.length > limits.maxFound) return found;
  }
  return found;
}

/** The rooms that somebody is in with any device, here or, as far as is known, at other servers. */
function roomsOfPerson(hub: HubState, session: Session): readonly string[] {
  const { folded } = session.identity;
  const devices = hub.names.devices(session);
  const here = devices.flatMap(({ rooms }) => Array.from(rooms, ({ room }) => room));
  if (!hub.roomsElsewhere.has(folded)) return [...new Set(here)];
  const open = [...hub.rooms.values()].filter(({ elsewhere }) => elsewhere?.has(folded));
  return [...new Set([...here, ...open.map(({ name }) => name)])];
}

/** Somebody who knows a name needs no search, so hidden people are found by name. */
function matches(mask: string, folded: string, persona: Persona): boolean {
  if (mask.length > limits.maxSearchChars) return false;
  if (mask.includes("@")) {
    return matchesMask(mask.includes("!") ? mask : `*!${mask}`, maskOf(folded, persona));
  }
  const texts = [folded, persona.user, persona.host, persona.realName];
  return texts.some((text) => matchesMask(mask, text));
}

function infoOf(hub: HubState, asker: Session, one: Found, room: string | undefined): PersonInfo {
  const isHere = "here" in one;
  const { folded, name } = isHere ? one.here.identity : one;
  const about = isHere ? publicPerson(hub, one.here) : one.about;
  const rankAt = (room: string): RoomRank => {
    const open = hub.rooms.get(room);
    if (open?.has(folded) === true) return rankOf(hub, open, folded);
    return rankElsewhere(hub, [{ about, rank: isHere ? undefined : one.rank }], room);
  };
  const isHidden = about.isHidden && !(isHere && one.here === asker);
  const rooms: PersonInfo["rooms"][number][] = [];
  const known = isHere ? roomsOfPerson(hub, one.here) : [];
  for (const shown of new Set([...known, ...(one.rooms ?? [])])) {
    if (!asker.rooms.has(shown) && isHidden) continue;
    if (maySee(hub, asker, shown)) rooms.push({ room: shown, ...rankAt(shown) });
  }
  return {
    name,
    persona: about.persona,
    isOperator: hub.rights.roles.isOperator(about.ids),
    isHidden: about.isHidden,
    away: about.away,
    isSecure: about.isSecure,
    idleMs: Math.max(0, hub.stampMs - about.spokeMs),
    sinceMs: about.sinceMs,
    rooms,
    rank: room === undefined ? undefined : rankAt(room),
  };
}
