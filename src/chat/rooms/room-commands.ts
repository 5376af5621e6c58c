// Commands of a room's members and operators: who is in it, its topic and settings, invitations and
// removals, and its history.

import { history as historyLimits } from "../../limits.ts";
import { harmless, quoted } from "../../text.ts";
import { callInto } from "./call-into.ts";
import { sendAhead } from "../turn/delivery.ts";
import type { Command, Ref } from "../events.ts";
import { withRoom } from "../elsewhere/foreign-room.ts";
import { type HubState, textsOf } from "../hub-state.ts";
import { removeFrom } from "./room-access.ts";
import { fold } from "../names/grammar.ts";
import { isShown } from "../people/find-people.ts";
import { readPast, readPastTargets } from "../history/past-query.ts";
import {
  type About,
  joinedRoom,
  refuseIfOverfull,
  reject,
  rejectNotInRoom,
  rejectUnknownUser,
  rejectUnread,
} from "../rejections.ts";
import type { Changer } from "../people/persona.ts";
import { applyChanges, tooManySettings } from "./room-changes.ts";
import type { RoomCommand, RosterEntry } from "./room-events.ts";
import {
  changerOf,
  maySee,
  rankOf,
  rankIn,
  silenceIn,
  stateOf,
  waitUntilSettled,
} from "./room-rights.ts";
import { storeRights } from "../rights-store.ts";
import { changedByServer } from "./presence.ts";
import type { Opening, Room } from "./room.ts";
import type { Session } from "../session.ts";
import { muteText } from "../suspect.ts";

type Of<T extends RoomCommand["type"]> = Extract<RoomCommand, { type: T }>;
type Handlers = {
  [K in RoomCommand["type"]]: (hub: HubState, session: Session, command: Of<K>) => void;
};

export const roomHandlers: Handlers = {
  "change-room"(hub, session, { room: name, changes, ref }) {
    const room = ruled(hub, session, name, ref);
    if (room === undefined) return;
    // Masks and keys are shown to everybody in the room.
    const muted = muteText(hub, session);
    if (muted !== undefined) return reject(hub, session, "muted", muted, { ref, subject: name });
    const { problem } = applyChanges(hub, changerOf(hub, session), room, changes, (refused) =>
      reject(hub, session, refused.code, refused.message, {
        ref,
        subject: refused.subject,
        isPartial: true,
      }),
    );
    if (problem !== undefined) return reject(hub, session, "full", problem, { ref, subject: name });
    storeRights(hub);
    hub.send(session, { type: "done", ref });
  },
  "set-topic": setTopic,
  "remove-member": removeMember,
  "call-in": callIn,
  "room-state"(hub, session, { room: name, ref }) {
    const room = seen(hub, session, name);
    if (room === undefined) return rejectUnknownRoom(hub, session, name, { ref });
    const isMember = session.rooms.has(room.name);
    const { isOperator } = rankIn(hub, session, room.name);
    const state = stateOf(hub, room, isMember);
    hub.send(session, { type: "room-state", state, isMember, isOperator, ref });
  },
  past(hub, session, { room: name, query, limit, ref }) {
    const room = joinedRoom(hub, session, name, ref);
    if (room === undefined) return;
    const most = Math.min(limit, historyLimits.pageMessages);
    readPast(hub, session, room, { query, limit: most, ref });
  },
  "past-targets": readPastTargets,
};

/** Answers `names` in dialects that show personas. */
export function roster(
  hub: HubState,
  session: Session,
  command: Extract<Command, { type: "names" }>,
): void {
  const { room: name = "", ref } = command;
  const folded = fold(name);
  withRoom(hub, session, folded, (found, error) => {
    if (error !== undefined) return rejectUnread(hub, session, command, error);
    const isSeen = maySee(hub, session, folded);
    const all = found === undefined || !isSeen ? [] : entriesOf(hub, found);
    const members = all.filter(
      (one) => found === undefined || isShown(hub, session, found, fold(one.name)),
    );
    const isSecret = hub.rights.rooms.of(folded).flags.includes("secret");
    sendAhead(hub, session, { type: "roster", room: folded, isSecret, members, ref });
  });
}

/** The session has just entered the room. */
export function tellEntry(
  hub: HubState,
  session: Session,
  room: Room,
  isNew: boolean,
  ref: Ref | undefined,
): void {
  const { name } = session;
  const persona = hub.personas.shown(session);
  const state = stateOf(hub, room, true);
  const members = isNew ? entriesOf(hub, room) : [];
  const event = { type: "entry", name, persona, state, members, isNew, ref } as const;
  const { opening } = room;
  if (opening === undefined) return hub.send(session, event, "settled");
  // Whether there is an operator among them is known once it is settled.
  waitUntilSettled(hub, session);
  const order = hub.pipeline.nextOrder();
  hub.pipeline.gathering.beforeDelivery.push(() => {
    // The turn could not be stored, and its opening is part of the next one.
    if (room.opening?.key === opening.key && !room.opening.wasShown) {
      room.opening.wasShown = true;
      tellOpener(hub, room, room.opening);
    }
    // If so, no other rank from before is left.
    const isOperator = room.ranks.get(opening.key)?.isOperator === true;
    const ranked = members.map((one) =>
      isOperator ? { ...one, ...rankOf(hub, room, fold(one.name)) } : one,
    );
    for (const text of textsOf(session, { ...event, members: ranked })) {
      hub.pipeline.settling?.addPersonal(session, { order, text, timing: "settled" });
    }
  });
}

/** Tells the room who has opened it, once that is settled. */
function tellOpener(hub: HubState, room: Room, opening: Opening): void {
  hub.pipeline.gathering.afterDelivery.push(() => {
    if (room.opening === opening) return tellOpener(hub, room, opening);
    const name = room.roster.get(opening.folded);
    if (name === undefined || room.ranks.get(opening.key)?.isOperator !== true) return;
    hub.announce(room, changedByServer(room.name, [{ what: "operator", name, isOn: true }]));
  });
}

/** The members that a room shows. */
export function entriesOf(hub: HubState, room: Room): RosterEntry[] {
  return room.names().map((name) => {
    const folded = fold(name);
    const session = room.roster.has(folded) ? hub.names.holder(folded) : undefined;
    const there = room.elsewhere?.get(folded)?.about?.persona;
    const persona = session === undefined ? there : hub.personas.shown(session);
    return { name, persona, ...rankOf(hub, room, folded) };
  });
}

/** A room that the session may know of. */
function seen(hub: HubState, session: Session, name: string): Room | undefined {
  const room = hub.rooms.get(fold(name));
  return room !== undefined && maySee(hub, session, room.name) ? room : undefined;
}

/** A room of which the session is an operator; otherwise the command is refused. */
function ruled(
  hub: HubState,
  session: Session,
  name: string,
  ref: Ref | undefined,
): Room | undefined {
  const room = seen(hub, session, name);
  if (room === undefined) rejectUnknownRoom(hub, session, name, { ref });
  else if (!rankIn(hub, session, room.name).isOperator) {
    rejectNoOperator(hub, session, room.name, { ref });
  } else if (!refuseIfOverfull(hub, session, { ref })) return room;
  return undefined;
}

function rejectUnknownRoom(hub: HubState, session: Session, name: string, about: About): void {
  const message = `There is no room ${quoted(name)}: /rooms lists them`;
  reject(hub, session, "not-found", message, { ...about, subject: name });
}

function rejectNoOperator(hub: HubState, session: Session, room: string, about: About): void {
  if (!session.rooms.has(room)) {
    return rejectNotInRoom(hub, session, room, about.ref);
  }
  const message = `Only operators of the room ${quoted(room)} may do that`;
  reject(hub, session, "not-allowed", message, { ...about, subject: room });
}

function setTopic(hub: HubState, session: Session, command: Of<"set-topic">): void {
  const { room: name, topic, ref } = command;
  const room = seen(hub, session, name);
  if (room === undefined) return rejectUnknownRoom(hub, session, name, { ref });
  const isMember = session.rooms.has(room.name);
  const { isOperator } = rankIn(hub, session, room.name);
  if (topic === undefined) {
    const state = stateOf(hub, room, isMember);
    return hub.send(session, { type: "room-state", state, isMember, isOperator, ref });
  }
  const { rooms } = hub.rights;
  const isLocked = rooms.of(room.name).flags.includes("topic-locked");
  if (!isMember || (isLocked && !isOperator)) {
    return rejectNoOperator(hub, session, room.name, { ref });
  }
  const silenced = silenceIn(hub, session, room.name);
  if (silenced !== undefined) {
    return reject(hub, session, "muted", silenced, { ref, subject: name });
  }
  if (refuseIfOverfull(hub, session, { ref })) return;
  const by = changerOf(hub, session);
  if (!announceTopic(hub, room.name, harmless(topic), by)) {
    return reject(hub, session, "full", tooManySettings, { ref, subject: name });
  }
  storeRights(hub);
  hub.send(session, { type: "done", ref });
}

/** Sets the topic and notifies the members. False: too many rooms have settings. */
export function announceTopic(hub: HubState, room: string, topic: string, by: Changer): boolean {
  const { rooms } = hub.rights;
  const topicMs = hub.stampMs;
  if (!rooms.change(room, { topic, topicBy: by.name, topicMs }, by)) return false;
  for (const session of hub.names.members()) {
    if (!session.rooms.has(room)) continue;
    hub.send(session, { type: "topic", room, topic, by }, "settled");
  }
  return true;
}

function removeMember(hub: HubState, session: Session, command: Of<"remove-member">): void {
  const { room: name, name: person, text, ref } = command;
  const room = ruled(hub, session, name, ref);
  if (room === undefined) return;
  const said = muteText(hub, session) === undefined ? harmless(text) : "";
  if (removePerson(hub, room, person, changerOf(hub, session), said) === undefined) {
    if (hub.names.holder(fold(person)) === undefined) {
      return rejectUnknownUser(hub, session, person, { ref });
    }
    const message = `${quoted(person)} is not in the room ${quoted(room.name)}`;
    return reject(hub, session, "not-there", message, { ref, subject: person });
  }
  hub.send(session, { type: "done", ref });
}

/** Removes somebody from the room, wherever they are connected; undefined: they are not in it. */
export function removePerson(
  hub: HubState,
  room: Room,
  person: string,
  by: Changer,
  text: string,
): { name: string } | undefined {
  const holder = hub.names.holder(fold(person));
  const elsewhere = room.elsewhere?.all(fold(person)) ?? [];
  for (const { server, folded: to } of elsewhere) {
    hub.signal(server, { type: "remove-member", to, room: room.name, by, text });
  }
  // With any of their devices.
  if (holder === undefined || !room.roster.has(fold(person))) return elsewhere[0];
  expelFrom(hub, room, holder, by, text);
  return { name: holder.name };
}

/** All devices of somebody leave the room. */
export function expelFrom(
  hub: HubState,
  room: Room,
  holder: Session,
  by: Changer,
  text: string,
): void {
  for (const one of [...hub.names.otherDevices(holder), holder]) {
    if (one.rooms.has(room.name)) removeFrom(hub, one, room, by, text);
  }
}

function callIn(hub: HubState, session: Session, command: Of<"call-in">): void {
  const { room: name, name: person, ref } = command;
  callInto(hub, session, name, person, (outcome) => {
    if (!("message" in outcome)) return hub.send(session, { type: "called-in", ...outcome, ref });
    const { code, message } = outcome;
    const subject = code === "is-there" || code === "unknown-user" ? person : name;
    reject(hub, session, code, message, { ref, subject });
  });
}
