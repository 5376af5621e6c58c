// Tells a session's rooms that its account or real name has changed.

import { shareMember } from "../elsewhere/share-presence.ts";
import type { HubState } from "../hub-state.ts";
import { roomsOf } from "../rooms/membership.ts";
import { proveInRooms } from "../rooms/member-news.ts";
import { silenceIn } from "../rooms/room-rights.ts";
import type { Session } from "../session.ts";

/** The session's device turns out to be one of the account's. */
export function recognizeDevice(
  hub: HubState,
  session: Session,
  { id, name }: { id: string; name: string },
): void {
  proveInRooms(hub, session, { account: id, isDevice: true });
  session.person.describe({ accountName: name });
  tellPersona(hub, session, "account");
}

/** Notifies the session's rooms and the session itself. */
export function tellPersona(hub: HubState, session: Session, what: "account" | "real-name"): void {
  const persona = hub.personas.shown(session);
  if (persona === undefined || session.phase !== "member") return;
  const { name } = session;
  const once = hub.pipeline.nextOrder();
  hub.list(session.identity.folded);
  const rooms = roomsOf(hub, session);
  session.queue.chargeRooms(rooms.length, hub.options.rates, hub.nowMs);
  for (const room of rooms) {
    const isSilent = what === "real-name" && silenceIn(hub, session, room.name) !== undefined;
    const event = { type: what, room: room.name, name, author: session.id, persona, once } as const;
    if (!isSilent) hub.announce(room, event);
    shareMember(hub, session, room, isSilent ? undefined : event);
  }
  hub.send(session, { type: "persona", name, persona });
}
