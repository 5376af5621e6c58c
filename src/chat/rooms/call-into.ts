// Inviting somebody to a room, wherever they are connected. An invitation by an operator of the
// room admits them whatever its modes are; any other only tells them about it.

import { people as limits } from "../../limits.ts";
import { quoted } from "../../text.ts";
import { findElsewhere } from "../elsewhere/find-elsewhere.ts";
import type { PersonSignal } from "../elsewhere/hub-signal.ts";
import type { ForeignPerson } from "../elsewhere/foreign-person.ts";
import type { HubState } from "../hub-state.ts";
import { fold } from "../names/grammar.ts";
import type { Changer } from "../people/persona.ts";
import type { Refusal } from "../refusal.ts";
import { admits, changerOf, mayEnter, maySee, rankIn } from "./room-rights.ts";
import type { Room } from "./room.ts";
import { personKey, type Session } from "../session.ts";
import { announceEverywhere } from "../elsewhere/share-presence.ts";
import { muteText } from "../suspect.ts";
import { nobodyCalled, storeIsSlow } from "../rejections.ts";

/** `away`: the away message of the invited person. */
export type Called = { room: string; name: string; away: string | undefined };

/**
 * Invites somebody to a room. Calls `then` at once, or when the store has answered unless the
 * session is over.
 */
export function callInto(
  hub: HubState,
  session: Session,
  name: string,
  person: string,
  then: (outcome: Called | Refusal) => void,
): void {
  const room = roomToCallInto(hub, session, name);
  if ("message" in room) return then(room);
  findElsewhere(hub, session, [fold(person)], (elsewhere, error) => {
    if (error !== undefined) return then(error);
    // They may have been muted, or removed from the room, meanwhile.
    const still = roomToCallInto(hub, session, name);
    then("message" in still ? still : call(hub, session, still, person, elsewhere));
  });
}

/** A room to which the session may invite others. */
function roomToCallInto(hub: HubState, session: Session, name: string): Room | Refusal {
  const muted = muteText(hub, session);
  if (muted !== undefined) return { code: "muted", message: muted };
  if (hub.isOverfull()) return { code: "storage", message: storeIsSlow };
  const room = hub.rooms.get(fold(name));
  if (room === undefined || !maySee(hub, session, room.name))
    return { code: "not-found", message: `There is no room ${quoted(name)}` };
  const shown = quoted(room.name);
  if (!session.rooms.has(room.name)) {
    return { code: "not-in-room", message: `You are not in the room ${shown}: join it first` };
  }
  const isClosed = hub.rights.rooms.of(room.name).flags.includes("invite-only");
  if (isClosed && !rankIn(hub, session, room.name).isOperator) {
    return { code: "not-allowed", message: `Only operators of the room ${shown} may do that` };
  }
  return room;
}

/** Their devices may be connected here and to several other servers. */
function call(
  hub: HubState,
  session: Session,
  room: Room,
  person: string,
  elsewhere: readonly ForeignPerson[],
): Called | Refusal {
  const here = hub.names.holder(fold(person));
  const { name = here?.name, about } = elsewhere[0] ?? {};
  if (name === undefined) {
    return { code: "unknown-user", message: nobodyCalled(hub, session, person) };
  }
  if (room.has(fold(person))) return isThere(room, name);
  const isGuest =
    (here !== undefined && mayEnter(hub, here, room.name)) ||
    elsewhere.some(({ about }) => admits(hub, room.name, about.ids));
  if (!isGuest) {
    const message = `The room ${quoted(room.name)} is private: an operator of the server can let ${quoted(name)} in with /allow`;
    return { code: "invite-only", message };
  }
  const { isOperator } = rankIn(hub, session, room.name);
  if (isOperator) {
    const keys = elsewhere.map(({ server, folded }) => calledKey(server, folded));
    if (here !== undefined) keys.push(personKey(here.identity));
    for (const key of keys) {
      makePlace(room.called, key);
      room.called.add(key);
    }
  }
  const by = changerOf(hub, session);
  if (here !== undefined) tellCall(hub, by, room.name, here);
  for (const { server, folded } of elsewhere) {
    hub.signal(server, { type: "call", to: folded, room: room.name, by, admits: isOperator });
  }
  announceCall(hub, by, room, here?.name ?? name);
  return { room: room.name, name: here?.name ?? name, away: (here?.person ?? about)?.away };
}

/** Somebody on another server has invited a person who is connected here. */
export function hearCall(
  hub: HubState,
  { by, room, admits }: Extract<PersonSignal, { type: "call" }>,
  holder: Session,
): void {
  const devices = admits ? hub.names.devices(holder) : [];
  for (const { person } of devices) {
    const calls = (person.calledInto ??= new Map<string, Changer>());
    makePlace(calls, room);
    calls.set(room, by);
  }
  tellCall(hub, by, room, holder);
}

/** The key for somebody on another server in a room's list of invited people. */
export function calledKey(server: string, folded: string): string {
  return `${server}/${folded}`;
}

/** Notifies all devices of somebody. */
function tellCall(
  hub: HubState,
  { name: from, persona }: Changer,
  room: string,
  to: Session,
): void {
  for (const one of hub.names.devices(to)) {
    hub.send(one, { type: "call", room, from, persona });
  }
}

function announceCall(hub: HubState, by: Changer, room: Room, name: string): void {
  const about = { room: room.name, author: by.author, persona: by.persona };
  announceEverywhere(hub, room, { type: "invited", by: by.name, name, ...about });
}

/**
 * Makes room for one more invitation by dropping the oldest: people who never come must not use up
 * all of them.
 */
function makePlace(called: Set<string> | Map<string, unknown>, one: string): void {
  called.delete(one);
  const [oldest] = called.keys();
  if (called.size >= limits.maxCalled && oldest !== undefined) called.delete(oldest);
}

function isThere(room: Room, name: string): Refusal {
  return {
    code: "is-there",
    message: `${quoted(name)} is in the room ${quoted(room.name)} already`,
  };
}
