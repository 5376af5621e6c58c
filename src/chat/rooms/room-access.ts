// Which rooms a session may know of, and what it is told about a room and the server on entering.

import type { Ref } from "../events.ts";
import type { HubState } from "../hub-state.ts";
import { leaveRoom } from "./membership.ts";
import { isAtLeast } from "../rights/roles.ts";
import type { Session } from "../session.ts";

/** `accounts`: further accounts that belong to the session, which is still logging in. */
export function mayEnter(
  { options }: HubState,
  { identity, proven }: Session,
  room: string,
  accounts: readonly (string | undefined)[] = [],
): boolean {
  const { rooms, roles } = options.rights;
  if (!rooms.of(room).isPrivate) return true;
  const all = [identity.account, proven.account, proven.key, ...accounts];
  const ids = all.flatMap((id) => id || []);
  return rooms.admits(room, ids) || isAtLeast(roles.rankOf(ids), "operator");
}

/** Removes people who may no longer be in the room. */
export function putOutOfPrivate(hub: HubState, name: string): void {
  const room = hub.rooms.get(name);
  if (room === undefined || !hub.options.rights.rooms.of(name).isPrivate) return;
  for (const session of hub.names.members()) {
    if (!session.rooms.has(name) || mayEnter(hub, session, name)) continue;
    leaveRoom(hub, session, room, "kicked");
    hub.send(session, { type: "parted", room: name, ref: undefined }, "settled");
  }
}

/** The message of the day; may be empty. */
export function motdOf({ options }: HubState): string {
  return options.rights.rooms.motd ?? options.motd();
}

export function tellMotd(hub: HubState, session: Session, ref?: Ref): void {
  const text = motdOf(hub);
  if (text !== "" || session.dialect.showsPersonas === true) {
    hub.send(session, { type: "motd", text, ...(ref !== undefined && { ref }) });
  }
}

export function tellTopic(hub: HubState, session: Session, room: string): void {
  const { topic } = hub.options.rights.rooms.of(room);
  if (topic !== "") hub.send(session, { type: "topic", room, topic }, "settled");
}
