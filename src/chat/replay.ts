// The past, for a session that has come back: private messages first, then what its rooms said, a page at a time and only as fast
// as it reads. When it has caught up with a room it hears that live; nothing is told twice and nothing is left out.

import { history as limits } from "../limits.ts";
import type { ParleyError } from "../errors.ts";
import type { HubState } from "./hub-state.ts";
import { deliverPast } from "./delivery.ts";
import { lose } from "./disconnect.ts";
import { fittingPage, pageChars } from "./history-page.ts";
import type { Room } from "./room.ts";
import { RoomTail } from "./room-tail.ts";
import type { Membership, Session } from "./session.ts";

/** Asks the store for the next page of what the session has missed; told when that comes. */
export function continueReplay(chat: HubState, session: Session): void {
  chat.schedule.replaying.delete(session);
  if (session.phase !== "member") return;
  if (session.mailbox.replayed !== undefined)
    return replayMail(chat, session, session.mailbox.replayed);
  for (const membership of session.rooms) {
    const room = chat.rooms.get(membership.room);
    if (room === undefined || membership.replayed === undefined) continue;
    return replayRoom(chat, room, membership, membership.replayed);
  }
}

function replayMail(chat: HubState, session: Session, from: number): void {
  const { mailbox, identity } = session;
  const { last } = mailbox;
  chat.store.readMail(identity.recordId, from, limits.pageMessages, (outcome) => {
    if (session.phase !== "member" || mailbox.replayed !== from) return;
    if (!outcome.done) return fail(chat, session, outcome.error);
    // What is in the log but not settled here yet is told when it is.
    const known = outcome.result.filter(({ mail }) => mail <= mailbox.last);
    const page = fittingPage(known, "oldest");
    deliverPast(chat, session, page);
    const reached = page.at(-1)?.mail ?? last;
    mailbox.replayed = reached >= mailbox.last ? undefined : reached;
    goOn(chat, session);
  });
}

function replayRoom(chat: HubState, room: Room, membership: Membership, from: number): void {
  const { session } = membership;
  const tail = new RoomTail(room.seq);
  room.tails.add(tail);
  chat.store.readRoom(room.name, { after: from }, limits.pageMessages, (outcome) => {
    room.tails.delete(tail);
    const isCurrent = session.rooms.get(room.name) === membership && membership.replayed === from;
    if (session.phase !== "member") return;
    if (!isCurrent) return goOn(chat, session);
    if (!outcome.done) return fail(chat, session, outcome.error);
    const known = outcome.result.filter(({ seq }) => seq <= room.seq);
    const page = fittingPage(known, "oldest");
    // The store may have looked before what came meanwhile: a page without anything says no more than that.
    const end = page.at(-1)?.seq ?? tail.seq;
    const told = [...page, ...(tail.after(end) ?? [])];
    deliverPast(
      chat,
      session,
      told.map((message) => ({ type: "replay", message })),
    );
    if (membership.isCharged) session.queue.charge(pageChars(told), chat.nowMs);
    const reached = told.at(-1)?.seq ?? end;
    membership.replayed = reached >= room.seq ? undefined : reached;
    goOn(chat, session);
  });
}

function goOn(chat: HubState, session: Session): void {
  chat.schedule.replaying.add(session);
  chat.wake();
}

/** Of a past that can't be read nothing may be left out silently: the member is told, and may come back for it. */
function fail(chat: HubState, session: Session, error: ParleyError): void {
  chat.options.log.warn(error.message);
  lose(chat, session, error.message);
}
