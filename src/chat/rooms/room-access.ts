// What a session is told about a room and the server on entering, and how it is removed from a
// room.

import { quoted } from "../../text.ts";
import { endSession } from "../disconnect.ts";
import type { Ref } from "../events.ts";
import type { HubState } from "../hub-state.ts";
import { leaveRoom, type Since } from "./membership.ts";
import { mayEnter } from "./room-rights.ts";
import type { Changer } from "../people/persona.ts";
import type { Room } from "./room.ts";
import type { Session } from "../session.ts";
import { sendAhead } from "../turn/delivery.ts";

/** Removes people who may no longer be in the room. */
export function removeNonGuests(hub: HubState, name: string): void {
  const room = hub.rooms.get(name);
  if (room === undefined || !hub.rights.rooms.of(name).isPrivate) return;
  for (const session of hub.names.members()) {
    if (!session.rooms.has(name) || mayEnter(hub, session, name)) continue;
    removeFrom(hub, session, room);
  }
}

/** Removes a session from a room. A program that listens to the room alone is disconnected. */
export function removeFrom(
  hub: HubState,
  session: Session,
  room: Room,
  by?: Changer,
  text?: string,
): void {
  const about = { by, text };
  leaveRoom(hub, session, room, "kicked", about);
  hub.send(session, { type: "parted", room: room.name, ...about, ref: undefined }, "settled");
  if (session.proven.isBearer !== true) return;
  const reason = `You have been removed from the room ${quoted(room.name)}`;
  hub.send(session, { type: "bye", reason, code: "kicked" });
  endSession(hub, session, "kicked");
}

/** The message of the day; may be empty. */
export function motdOf({ rights, options }: HubState): string {
  return rights.rooms.motd ?? options.motd();
}

/** `isBack`: the client may still show another one, so it is told if there is none. */
export function tellMotd(hub: HubState, session: Session, isBack: boolean, ref?: Ref): void {
  const text = motdOf(hub);
  if (text !== "" || isBack || session.dialect.showsPersonas === true) {
    hub.send(session, { type: "motd", text, ref });
  }
}

/** `isBack`: as for the message of the day. */
function tellTopic(hub: HubState, session: Session, room: string, isBack: boolean): void {
  const { topic } = hub.rights.rooms.of(room);
  if (topic !== "" || isBack) hub.send(session, { type: "topic", room, topic }, "settled");
}

/**
 * The text of a message was deleted. With other servers, members are told at once: a client that
 * has what these say next counts as told (RoomBounds).
 */
export function tellErased(hub: HubState, room: string, seq: number): void {
  if (!hub.store.erasures.note(room, seq)) return;
  for (const session of hub.names.members()) {
    if (session.rooms.has(room)) sendAhead(hub, session, { type: "deleted", room, seq });
  }
}

/**
 * The topic, and which of the messages that the client has, up to `since`, have been deleted
 * meanwhile: `erased` when the store was asked, and those that were since.
 */
export function tellNews(
  hub: HubState,
  session: Session,
  room: string,
  isBack: boolean,
  since: Since | undefined,
  erased: readonly number[] = [],
): void {
  tellTopic(hub, session, room, isBack);
  if (since?.epoch !== hub.options.epoch) return;
  for (const seq of new Set([...erased, ...hub.store.erasures.upTo(room, since.seq)])) {
    hub.send(session, { type: "deleted", room, seq }, "settled");
  }
}
