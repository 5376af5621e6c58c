// Rooms and who is in them: somebody enters, and hears the room from the place where that is settled; somebody leaves. What was
// missed is found out here and told by replay.ts.

import { history as limits } from "../limits.ts";
import type { HubState } from "./hub-state.ts";
import type { LeaveReason, RoomEntry } from "./events.ts";
import { Room } from "./room.ts";
import type { Membership, Session } from "./session.ts";
import type { RoomBounds } from "./store.ts";

/** What a returning session has of a room: everything up to `seq`, of the log with that epoch. */
export type Since = { epoch: string; seq: number };

/** The room of that folded name, opened if need be; undefined if there are too many. */
export function openRoom(chat: HubState, name: string, bounds: RoomBounds): Room | undefined {
  const found = chat.rooms.get(name);
  if (found !== undefined) return found;
  if (chat.rooms.size >= limits.maxRooms) return undefined;
  const room = new Room(name, bounds.last);
  chat.rooms.set(name, room);
  return room;
}

/** Somebody asks the store for the bounds of a room, to enter it: until `stopAwaiting` the room is not closed. */
export function awaitRoom(chat: HubState, name: string): void {
  chat.awaitedRooms.set(name, (chat.awaitedRooms.get(name) ?? 0) + 1);
}

export function stopAwaiting(chat: HubState, name: string): void {
  const others = (chat.awaitedRooms.get(name) ?? 0) - 1;
  if (others > 0) return void chat.awaitedRooms.set(name, others);
  chat.awaitedRooms.delete(name);
  const room = chat.rooms.get(name);
  if (room !== undefined) closeIfEmpty(chat, room);
}

/** A room where nobody is, and of which nothing is on its way, is opened anew from the store when it is needed. */
function closeIfEmpty(chat: HubState, room: Room): void {
  const { gathering, inFlight } = chat.pipeline;
  if (!room.isEmpty || chat.awaitedRooms.has(room.name)) return;
  if (gathering.rooms.has(room) || inFlight?.rooms.has(room) === true) return;
  chat.schedule.rosters.delete(room);
  if (chat.rooms.get(room.name) === room) chat.rooms.delete(room.name);
}

/** The session enters the room; it hears it from `settleEntry` on. `silent`: to the room nothing has changed. */
export function enterRoom(
  chat: HubState,
  session: Session,
  room: Room,
  silent: boolean,
): Membership {
  const order = chat.pipeline.nextOrder();
  const membership: Membership = {
    session,
    room: room.name,
    hearsFrom: order,
    hearsUntil: Infinity,
    replayed: undefined,
    isCharged: false,
  };
  session.rooms.add(membership);
  room.add(session.identity);
  chat.pipeline.gathering.roomTurn(room).breaksRun = true;
  if (silent) return membership;
  const { name, alias } = session.identity;
  chat.announce(room, { type: "joined", room: room.name, name, alias, author: session.id });
  return membership;
}

/**
 * What the session asked for at `order` is settled, and nobody has heard of it yet: it hears the room from there on, after what
 * it has missed. To be called before the delivery of that batch.
 */
export function settleEntry(
  chat: HubState,
  room: Room,
  membership: Membership,
  order: number,
  since: Since | undefined,
  bounds: RoomBounds,
): RoomEntry {
  const { session } = membership;
  const seq = seqAt(chat, room, order);
  // One that has left again meanwhile still hears what happened before that.
  if (session.phase !== "gone") room.listen(membership);
  const isThere = session.rooms.get(room.name) === membership;
  const { from, recovered } = missedSince(chat.options.epoch, since, bounds, seq);
  // Whoever misses something hears no message before that: also one that has left again, and is told nothing of the past.
  if (from !== undefined) membership.replayed = from < seq ? from : undefined;
  if (isThere && membership.replayed !== undefined) {
    chat.schedule.replaying.add(session);
    chat.wake();
  }
  return { room: room.name, seq, recovered };
}

/** The number of the room's last message before `order`, in the batch that is being settled. */
function seqAt(chat: HubState, room: Room, order: number): number {
  const turn = chat.pipeline.settling?.rooms.get(room);
  return turn === undefined ? room.seq : turn.seqBefore(order, room.seq);
}

/** After which `seq` the past is to be told (undefined: nothing is), and whether it is all that was missed. */
function missedSince(
  epoch: string,
  since: Since | undefined,
  { first }: RoomBounds,
  seq: number,
): { from: number | undefined; recovered: boolean } {
  if (since === undefined) return { from: undefined, recovered: false };
  if (since.epoch !== epoch) {
    // Another log: what it has is news, as far as one page goes; the numbers of the old one say nothing here.
    return { from: Math.max(0, seq - limits.pageMessages), recovered: false };
  }
  const from = Math.min(since.seq, seq);
  // A log that is shorter than what was read from it has lost its end, and has or will have other messages there.
  const isWhole = since.seq <= seq;
  return { from, recovered: isWhole && from + 1 >= first };
}

/** The session leaves the room: it still hears what happened there before. */
export function leaveRoom(
  chat: HubState,
  session: Session,
  room: Room,
  reason: LeaveReason,
  silent = false,
): void {
  const membership = session.rooms.get(room.name);
  if (membership === undefined) return;
  session.rooms.delete(room.name);
  room.remove(session.identity);
  const { pipeline } = chat;
  membership.hearsUntil = pipeline.nextOrder();
  if (!silent) {
    const { name, alias } = session.identity;
    chat.announce(room, { type: "left", room: room.name, name, alias, reason, author: session.id });
  }
  pipeline.gathering.afterDelivery.push(() => {
    room.unlisten(membership);
    closeIfEmpty(chat, room);
  });
  chat.wake();
}

/** The rooms that a session is in. */
export function roomsOf(chat: HubState, session: Session): Room[] {
  const rooms: Room[] = [];
  for (const membership of session.rooms) {
    const room = chat.rooms.get(membership.room);
    if (room !== undefined) rooms.push(room);
  }
  return rooms;
}
