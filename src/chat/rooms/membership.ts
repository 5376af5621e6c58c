// Rooms and their members. A member that joins starts to receive the room's events at a settled
// position; what it missed before that is determined here and replayed by replay.ts.

import { history as limits } from "../../limits.ts";
import type { HubState } from "../hub-state.ts";
import type { LeaveReason, PresenceEvent } from "../events.ts";
import type { RoomEntry } from "../../protocol/messages.ts";
import { ForeignRoster } from "../elsewhere/foreign-roster.ts";
import { fold, lobby } from "../names/grammar.ts";
import { Room } from "./room.ts";
import { ToldSettings } from "./told-settings.ts";
import { storeRights } from "../rights-store.ts";
import type { RoomRank, ShownPerson } from "../people/persona.ts";
import { greetFirst, ownElsewhere, rankIn, rankOf, silenceIn } from "./room-rights.ts";
import { followMember } from "./member-news.ts";
import { announceEverywhere, shareMember } from "../elsewhere/share-presence.ts";
import { Membership, personKey, type Session } from "../session.ts";
import type { RoomBounds } from "../turn/store.ts";

/** What a returning client has seen of a room: everything up to `seq` in the log of that epoch. */
export type Since = { epoch: string; seq: number };

/** Whether somebody at the session's network may open rooms without history. */
export function mayOpenNew({ newRooms, nowMs }: HubState, { shareOwner }: Session): boolean {
  return newRooms.waitMs(shareOwner, nowMs) === 0;
}

/**
 * Returns the room, opening it if necessary, or a sentence that says why it can't. `isNewAllowed`:
 * also without history. Who enters several at once is asked once for all of them.
 */
export function openRoom(
  hub: HubState,
  session: Session,
  name: string,
  bounds: RoomBounds,
  isNewAllowed = mayOpenNew(hub, session),
): Room | string {
  const { shareOwner } = session;
  const found = hub.rooms.get(name);
  if (found !== undefined) return found;
  // The lobby belongs to everybody, and old clients know no other room.
  if (name !== lobby) {
    if (hub.rooms.size >= limits.maxRooms) {
      return "The server has reached its room limit: join an existing room";
    }
    if (hub.openedRooms.full(shareOwner) !== undefined) {
      return "Your network has opened too many rooms: join an existing one, or leave one first";
    }
    const isNew = bounds.last < bounds.first && hub.options.rates !== undefined;
    if (isNew && !isNewAllowed) {
      return "Your network has opened too many new rooms: join an existing one, or try again in a minute";
    }
    if (isNew) hub.newRooms.charge(shareOwner, hub.nowMs);
    hub.openedRooms.add(shareOwner);
  }
  hub.past.open(name, bounds.last - bounds.first + 1);
  // Another pending join may know of a later message: its client has heard more elsewhere.
  const last = Math.max(bounds.last, hub.heldRooms.get(name)?.last ?? 0);
  const room = new Room(name, last, shareOwner, hub.stampMs, elsewhereOf(hub, bounds));
  hub.rooms.set(name, room);
  // The last server that had somebody in the room may have crashed.
  if (!hub.isAlone) {
    if (!room.isPopulated) forgetPassing(hub, name);
    room.told = new ToldSettings(hub.rights.rooms.of(name));
  }
  hub.options.shared?.roomOpened(name);
  return room;
}

function elsewhereOf(hub: HubState, { elsewhere }: RoomBounds): ForeignRoster | undefined {
  if (hub.isAlone) return undefined;
  const roster = new ForeignRoster(elsewhere?.version, hub.roomsElsewhere);
  roster.replace(elsewhere?.members ?? []);
  return roster;
}

/** Keeps a room open until `releaseRoom`, while a join waits for the store. */
export function holdRoom(hub: HubState, name: string): void {
  const held = hub.heldRooms.get(name);
  if (held === undefined) hub.heldRooms.set(name, { joins: 1, last: 0 });
  else held.joins++;
}

/** The store has told a pending join how far the room has come. */
export function noteBounds(hub: HubState, name: string, { last }: RoomBounds): void {
  const held = hub.heldRooms.get(name);
  if (held !== undefined) held.last = Math.max(held.last, last);
}

export function releaseRoom(hub: HubState, name: string): void {
  const held = hub.heldRooms.get(name);
  if (held !== undefined && --held.joins > 0) return;
  hub.heldRooms.delete(name);
  const room = hub.rooms.get(name);
  if (room !== undefined) closeIfEmpty(hub, room);
}

/** Nobody is in the room on any server: temporary settings end. */
function forgetPassing(hub: HubState, room: string): void {
  hub.rights.rooms.forget(room);
  if (hub.isAlone) return;
  storeRights(hub);
}

export function closeEmpty(hub: HubState, rooms: Iterable<Room>): void {
  for (const room of rooms) closeIfEmpty(hub, room);
}

/** Closes an empty room with nothing pending; it is reopened from the store on demand. */
function closeIfEmpty(hub: HubState, room: Room): void {
  const { gathering, inFlight } = hub.pipeline;
  if (!room.isEmpty || hub.heldRooms.has(room.name)) return;
  if (gathering.rooms.has(room) || inFlight?.rooms.has(room) === true) return;
  hub.schedule.rosters.delete(room);
  if (hub.rooms.get(room.name) !== room) return;
  hub.rooms.delete(room.name);
  if (!room.isPopulated) forgetPassing(hub, room.name);
  room.elsewhere?.close();
  if (room.name !== lobby) hub.openedRooms.remove(room.openedBy);
}

type Renamed = Extract<PresenceEvent, { type: "renamed" }>;

/**
 * How a room is told of a new name. If somebody is still there under the old one, which may be the
 * same person at another server, another has joined.
 */
export function renamedIn(
  hub: HubState,
  room: Room,
  event: Renamed,
  wasThere: boolean,
): readonly PresenceEvent[] {
  const { from, to } = event;
  if (fold(from) === fold(to) || !room.has(fold(from))) return [event];
  return wasThere ? [] : [joinedAs(hub, room, event)];
}

/**
 * Some dialects show a departure or a new name once for all rooms of the person. If somebody stays
 * in other rooms under that name, this room is told that they have left it, and, after a rename,
 * that somebody has joined it under the new name.
 */
export function inThisRoom(
  hub: HubState,
  room: Room,
  event: PresenceEvent,
): readonly PresenceEvent[] {
  if (event.type === "left") {
    if (!isInRooms(hub, fold(event.name))) return [event];
    return [{ ...event, reason: event.reason === "kicked" ? "kicked" : "parted", once: 0 }];
  }
  if (event.type !== "renamed") return [event];
  const { type: _, from, to, once: _rename, ...about } = event;
  if (fold(from) === fold(to) || !isInRooms(hub, fold(from))) return [event];
  const left = { type: "left", name: from, alias: undefined, reason: "parted", ...about } as const;
  return [left, joinedAs(hub, room, event)];
}

function joinedAs(hub: HubState, room: Room, event: Renamed): PresenceEvent {
  const { type: _, from: _old, to, once: _rename, ...about } = event;
  const rank = shownRank(rankOf(hub, room, fold(to)));
  return { type: "joined", name: to, alias: undefined, ...about, ...rank };
}

/** Whether somebody of that name is in any room, here or as far as is known at another server. */
function isInRooms(hub: HubState, folded: string): boolean {
  const holder = hub.names.holder(folded);
  const here = holder === undefined ? [] : hub.names.devices(holder);
  return here.some(({ rooms }) => rooms.size > 0) || hub.roomsElsewhere.has(folded);
}

/** Announces another server's event in the order of those that are not settled yet. */
export function announceLater(hub: HubState, room: Room, event: PresenceEvent): void {
  const { pipeline } = hub;
  pipeline.gathering.addForeign(room, pipeline.nextOrder(), event);
  hub.wake();
}

/** Whether another device of the same person is in the room. */
function isPresent(hub: HubState, session: Session, room: Room): boolean {
  return hub.names.otherDevices(session).some(({ rooms }) => rooms.has(room.name));
}

/**
 * Adds the session to the room. It receives the room's events only after `settleEntry`. `silent`:
 * not announced. A person with several devices is a member once.
 */
export function enterRoom(
  hub: HubState,
  session: Session,
  room: Room,
  silent: boolean,
): Membership {
  const order = hub.pipeline.nextOrder();
  const membership = new Membership(session, room.name, order);
  session.rooms.add(membership);
  const memberNews = followMember(hub, room, session.identity.folded);
  // A silent takeover is no arrival.
  if (!silent) {
    if (!room.isPopulated) room.endRanks();
    greetFirst(hub, session, room);
  }
  regainRank(hub, session, room);
  room.called.delete(personKey(session.identity));
  session.person.calledInto?.delete(room.name);
  room.add(session.identity);
  const turn = hub.pipeline.gathering.roomTurn(room);
  turn.breaksRun = true;
  turn.hasEntries = true;
  if (isPresent(hub, session, room)) return membership;
  const { name, alias, folded } = session.identity;
  const about = { room: room.name, name, author: session.id };
  const rank = shownRank(rankIn(hub, session, room.name));
  const joined = { type: "joined", ...about, alias, ...rank } as const;
  shareMember(hub, session, room, silent ? undefined : joined);
  if (silent) return membership;
  if (room.elsewhere?.has(folded) === true) {
    for (const event of memberNews()) hub.announce(room, event);
    return membership;
  }
  const persona = hub.personas.shown(session);
  hub.announce(room, { ...joined, persona });
  membership.isAnnounced = true;
  const { away } = session.person;
  const isSilent = silenceIn(hub, session, room.name) !== undefined;
  if (away !== undefined && !isSilent)
    announceEverywhere(hub, room, { type: "away", ...about, away, persona });
  return membership;
}

/**
 * Gives people the rank that they have in the room at another server, or had when they lost the
 * connection.
 */
function regainRank(hub: HubState, session: Session, room: Room): void {
  const key = personKey(session.identity);
  const lost = hub.lostMembers.returned(room, key, hub.nowMs);
  if (room.ranks.has(key)) return;
  const ranks = [lost, ...ownElsewhere(session, room).map(({ rank }) => rank)];
  const isOperator = ranks.some((rank) => rank?.isOperator);
  const isVoiced = ranks.some((rank) => rank?.isVoiced);
  if (isOperator || isVoiced) room.ranks.set(key, { isOperator, isVoiced });
}

/**
 * Starts delivery to a member that joined at `order`, after everything it has missed. Call it when
 * that batch is settled, before its delivery.
 */
export function settleEntry(
  hub: HubState,
  room: Room,
  membership: Membership,
  order: number,
  since: Since | undefined,
  bounds: RoomBounds,
): RoomEntry {
  const { session } = membership;
  const seq = seqAt(hub, room, order);
  // A member that has left again still receives what happened before that.
  if (session.phase !== "gone") room.listen(membership);
  const isThere = session.rooms.get(room.name) === membership;
  const { from, recovered } = missedSince(hub.options.epoch, since, bounds, seq);
  // If there is a gap to replay, live messages wait; this holds even if the member has left again.
  if (from !== undefined) membership.replayed(from, seq);
  if (isThere && membership.replayedTo !== undefined) {
    hub.schedule.replaying.add(session);
    hub.wake();
  }
  return { room: room.name, seq, recovered };
}

/** Number of the room's last message before `order`, in the batch being settled. */
function seqAt(hub: HubState, room: Room, order: number): number {
  const turn = hub.pipeline.settling?.rooms.get(room);
  return turn === undefined ? room.seq : turn.seqBefore(order, room.seq);
}

/** The `seq` after which to replay (undefined: no replay), and whether that recovers everything. */
function missedSince(
  epoch: string,
  since: Since | undefined,
  { first }: RoomBounds,
  seq: number,
): { from: number | undefined; recovered: boolean } {
  if (since === undefined) return { from: undefined, recovered: false };
  // Another log, whose numbers mean nothing here; or it has lost its end, as when an old backup is
  // restored, and has used some of the numbers again: replay the newest page.
  if (since.epoch !== epoch || since.seq > seq) {
    return { from: Math.max(0, seq - limits.pageMessages), recovered: false };
  }
  return { from: since.seq, recovered: since.seq + 1 >= first };
}

type Leaving = {
  /**
   * Who is notified: everybody, those connected to other servers, nobody; or those at other servers
   * once this one is over, unless the session is back by then.
   */
  told?: "everybody" | "elsewhere" | "nobody" | "later";
  /** Who removed the session from the room. */
  by?: ShownPerson | undefined;
  /** The message or reason that goes with it. */
  text?: string | undefined;
  /** The number of this event, if the session leaves several rooms at once. */
  once?: number;
};

/** The rank that is announced with an arrival, if any. */
export function shownRank(rank: RoomRank): { rank?: RoomRank } {
  return rank.isOperator || rank.isVoiced ? { rank } : {};
}

/** Removes the session from the room; it still receives what happened there before. */
export function leaveRoom(
  hub: HubState,
  session: Session,
  room: Room,
  reason: LeaveReason,
  { told = "everybody", by, text, once = 0 }: Leaving = {},
): void {
  const membership = session.rooms.get(room.name);
  if (membership === undefined) return;
  session.rooms.delete(room.name);
  // Nor do their other devices, which may have lost the connection, return without conditions.
  if (reason === "kicked") hub.lostMembers.forget(room.name, personKey(session.identity));
  const stays = isPresent(hub, session, room);
  const memberNews = followMember(hub, room, session.identity.folded);
  if (!stays) {
    room.remove(session.identity);
    const key = personKey(session.identity);
    // A silent takeover keeps the rank.
    if (told !== "nobody") room.ranks.delete(key);
    if (told !== "nobody" && room.opening?.key === key) room.opening = undefined;
  }
  const { pipeline } = hub;
  membership.left(pipeline.nextOrder());
  if (!stays) {
    const { name, alias, folded } = session.identity;
    const { id: author } = session;
    const persona = hub.personas.shown(session);
    const about = { room: room.name, author, by, text, once, persona };
    const left = { type: "left", name, alias, reason, ...about } as const;
    const event = told === "nobody" ? undefined : left;
    if (told !== "later") hub.share(room, { folded, name: undefined, event });
    const isThere = room.elsewhere?.has(folded) === true;
    const events = isThere ? memberNews() : [left];
    if (told === "everybody") for (const one of events) hub.announce(room, one);
  }
  pipeline.gathering.afterDelivery.push(() => {
    room.unlisten(membership);
    closeIfEmpty(hub, room);
  });
  hub.wake();
}

/** The rooms a session is in. */
export function roomsOf(hub: HubState, session: Session): Room[] {
  const rooms: Room[] = [];
  for (const membership of session.rooms) {
    const room = hub.rooms.get(membership.room);
    if (room !== undefined) rooms.push(room);
  }
  return rooms;
}
