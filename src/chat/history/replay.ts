// Replays what a returning session has missed: private messages first, then its rooms, page by page
// at the speed it reads. A room goes live once the replay has caught up; nothing is repeated or
// lost.

import { history as limits } from "../../limits.ts";
import type { ParleyError } from "../../errors.ts";
import type { HubState } from "../hub-state.ts";
import { deliverPast } from "../turn/delivery.ts";
import { dropAsLost } from "../disconnect.ts";
import { fittingPage, pageChars } from "./history-page.ts";
import type { Room } from "../rooms/room.ts";
import { RoomTail } from "./room-tail.ts";
import type { Membership, Session } from "../session.ts";

/** Asks the store for the next page and sends it when it arrives. */
export function continueReplay(hub: HubState, session: Session): void {
  hub.schedule.replaying.delete(session);
  if (session.phase !== "member") return;
  if (session.mailbox.replayedTo !== undefined)
    return replayMail(hub, session, session.mailbox.replayedTo);
  for (const membership of session.rooms) {
    const room = hub.rooms.get(membership.room);
    if (room === undefined || membership.replayedTo === undefined) continue;
    return replayRoom(hub, room, membership, membership.replayedTo);
  }
}

function replayMail(hub: HubState, session: Session, from: number): void {
  const { mailbox, identity } = session;
  const { last } = mailbox;
  const source = identity.mailbox;
  // Goes on once that is settled.
  if (hub.pipeline.isIncomplete(source)) return;
  const release = reservePage(hub, session);
  hub.store.ask(
    { type: "read-mail", session: source, after: from, limit: limits.pageMessages },
    (outcome) => {
      release();
      if (session.phase !== "member" || mailbox.replayedTo !== from) return;
      // Registered meanwhile: the messages may have moved before they were read.
      if (identity.mailbox !== source) return scheduleNextPage(hub, session);
      if (!outcome.done) return dropUnreadable(hub, session, outcome.error);
      // Messages that are committed but not yet settled here arrive with their settlement.
      const known = outcome.result.filter(({ mail }) => mail <= mailbox.last);
      const page = fittingPage(known, "oldest");
      deliverPast(hub, session, page);
      chargeOwner(hub, session, page);
      const reached = page.at(-1)?.mail ?? last;
      mailbox.replayed(reached);
      scheduleNextPage(hub, session);
    },
  );
}

function replayRoom(hub: HubState, room: Room, membership: Membership, from: number): void {
  const { session } = membership;
  const tail = new RoomTail(room.seq);
  room.tails.add(tail);
  const release = reservePage(hub, session);
  hub.store.ask(
    { type: "read-room", room: room.name, after: from, limit: limits.pageMessages },
    (outcome) => {
      release();
      room.tails.delete(tail);
      const isCurrent =
        session.rooms.get(room.name) === membership && membership.replayedTo === from;
      if (session.phase !== "member") return;
      if (!isCurrent) return scheduleNextPage(hub, session);
      if (!outcome.done) return dropUnreadable(hub, session, outcome.error);
      const known = outcome.result.filter(({ seq }) => seq <= room.seq);
      const page = fittingPage(known, "oldest");
      // The store may have read before newer messages were committed, so an empty page proves
      // nothing.
      const end = page.at(-1)?.seq ?? tail.seq;
      const told = hub.store.erasures.without([...page, ...(tail.after(end) ?? [])]);
      deliverPast(
        hub,
        session,
        told.map((message) => ({ type: "replay", message })),
      );
      if (membership.isCharged) session.queue.charge(pageChars(told), hub.options.rates, hub.nowMs);
      else chargeOwner(hub, session, told);
      const reached = told.at(-1)?.seq ?? end;
      membership.replayed(reached, room.seq);
      scheduleNextPage(hub, session);
    },
  );
}

/**
 * While a page is being read, it counts as full: other sessions of its owner may ask for theirs
 * before the store has answered.
 */
function reservePage(hub: HubState, { shareOwner }: Session): () => void {
  if (hub.options.rates === undefined) return () => {};
  hub.replayRates.charge(shareOwner, hub.nowMs, limits.pageBytes);
  return () => hub.replayRates.giveBack(shareOwner, hub.nowMs, limits.pageBytes);
}

/** A replay was not requested, and the session's own messages do not wait for it. */
function chargeOwner(
  hub: HubState,
  { shareOwner }: Session,
  page: readonly { text: string }[],
): void {
  if (hub.options.rates === undefined) return;
  hub.replayRates.charge(shareOwner, hub.nowMs, pageChars(page));
}

/** Whether more may be replayed to the session's owner by now. */
export function isReplayDue(hub: HubState, { shareOwner }: Session): boolean {
  return hub.options.rates === undefined || hub.replayRates.waitMs(shareOwner, hub.nowMs) === 0;
}

function scheduleNextPage(hub: HubState, session: Session): void {
  hub.schedule.replaying.add(session);
  hub.wake();
}

/** History must not be left out silently: the session is dropped and may reconnect for it. */
function dropUnreadable(hub: HubState, session: Session, error: ParleyError): void {
  hub.log.warn(error.message);
  dropAsLost(hub, session, error.message);
}
