// How a session ends: it gives up its rooms, private chat and name, and the connection closes after
// its last line. Covers sessions that quit and those that the hub ends: replaced, too slow,
// unreadable history, server shutdown.

import { output as limits } from "../limits.ts";
import { type HubState, textsOf } from "./hub-state.ts";
import type { LeaveReason } from "./events.ts";
import { leaveRoom, roomsOf } from "./rooms/membership.ts";
import { partingText, rememberLost } from "./rooms/room-rights.ts";
import { leaveOffers } from "./offers/offer-commands.ts";
import { followRecipients } from "./offers/offers-elsewhere.ts";
import { releaseName } from "./elsewhere/name-claims.ts";
import { noteGone } from "./people/comings.ts";
import { dissolve } from "./private/private-chat.ts";
import { personKey, type Session } from "./session.ts";
import { sessionFields } from "./session-log.ts";

/**
 * The leave reason for a bare FIN. Without resumable sessions it is the only way to quit; with
 * them, it usually means that a process or proxy died and that the client may return.
 */
export function reasonForEnd(session: Session): LeaveReason {
  return session.identity.recordId === "" ? "quit" : "lost";
}

/** Why a connection ended, as logged. Other people get a coarser reason. */
export type EndReason =
  | LeaveReason
  /** The client kept sending refused input instead of waiting as told. */
  | "flooding"
  /** No name was sent in time. */
  | "no-login"
  /** The login was refused, and the dialect allows no second attempt. */
  | "refused"
  /** A message that is too long or invalid in the dialect. */
  | "invalid"
  /** An operator has banned it; others see it leave with `kicked`. */
  | "banned"
  /** The store could not read messages that the session must receive. */
  | "unreadable"
  | "stopped";

type Parting = {
  /** Rooms in which nothing is announced, because a new connection takes over silently. */
  silentRooms?: ReadonlySet<string>;
  /** For the log; default: the reason that others see. */
  why?: EndReason;
};

/** Leaves all rooms, the private chat and the name; the connection stays open. */
export function partAll(
  hub: HubState,
  session: Session,
  reason: LeaveReason,
  { silentRooms = none, why = reason }: Parting = {},
): void {
  if (session.phase !== "member") return;
  const { identity, dialect } = session;
  const terminal = dialect.terminal?.gone?.(identity.name);
  if (terminal !== undefined) hub.options.print(terminal);
  hub.log.info("left", { ...sessionFields(session), reason: why });
  dissolve(hub, session, reason === "lost" || reason === "slow" ? "lost" : "left");
  const { farewell } = session.person;
  // If the person stays in other rooms, each room that they leave is told separately.
  const goesOn = silentRooms.size > 0 || isInOtherRooms(hub, session);
  const shown = goesOn && reason !== "kicked" ? "parted" : reason;
  const once = goesOn ? 0 : hub.pipeline.nextOrder();
  if (reason === "lost" || reason === "slow") noteLost(hub, session);
  for (const room of roomsOf(hub, session)) {
    const told = silentRooms.has(room.name) ? "nobody" : "everybody";
    const text = partingText(hub, session, room.name, farewell);
    leaveRoom(hub, session, room, shown, { told, text, once });
  }
  if (identity.account !== "") recordDevice(hub, session, reason);
  leaveOffers(hub, session, reason);
  releaseName(hub, session);
  hub.names.leave(session);
  noteGone(hub, session);
  session.enter("visitor");
  followRecipients(hub, [identity.folded]);
  if (identity.recordId === "" || reason === "replaced") return;
  const givesNameUp = reason === "quit" || reason === "kicked";
  recordDeparture(hub, session, givesNameUp ? "" : identity.folded);
}

const none: ReadonlySet<string> = new Set();

/** Remembers what a session that can be resumed has again when it returns. */
function noteLost(hub: HubState, session: Session): void {
  const { identity, person, shareOwner } = session;
  if (identity.mailbox === "") return;
  if (identity.recordId !== "" && person.away !== undefined) {
    hub.awayNotes.keep(identity.recordId, person.away, shareOwner, hub.nowMs);
  }
  const key = personKey(identity);
  for (const room of roomsOf(hub, session))
    rememberLost(hub, room, key, room.ranks.get(key), shareOwner);
}

/** By another device, or as far as is known at another server. */
function isInOtherRooms(hub: HubState, session: Session): boolean {
  const { folded } = session.identity;
  if (hub.roomsElsewhere.has(folded)) return true;
  return hub.names.otherDevices(session).some(({ rooms }) => rooms.size > 0);
}

/** Logs the end of a connection that never took a name; the others were logged on leaving. */
export function logNameless(hub: HubState, session: Session, reason: EndReason): void {
  // A request with an access token has been logged as such.
  if (session.hadName || session.proven.isBearer === true) return;
  hub.log.info("disconnected", { ...sessionFields(session), reason });
}

/**
 * Records which private messages the owner's device has received, for its next session. If the
 * connection was lost, the last ones may not have arrived, and are sent again.
 */
function recordDevice(hub: HubState, session: Session, reason: LeaveReason): void {
  const { mailbox, proven, identity, dialect } = session;
  const read = reason === "quit" ? mailbox.sent : mailbox.received;
  const mail = dialect.hearsMail === false ? 0 : read;
  const { account } = identity;
  const key = proven.isDevice ? proven.key : undefined;
  const change = { type: "used", account, key, mail, atMs: hub.stampMs } as const;
  hub.store.ask({ type: "change-account", change }, (outcome) => {
    if (!outcome.done) hub.log.warn(outcome.error.message);
  });
  hub.wake();
}

/** Marks the session's record as away. */
function recordDeparture(hub: HubState, session: Session, name: string): void {
  const { gathering } = hub.pipeline;
  gathering.records.delete(session);
  gathering.departed.set(session.identity.recordId, { session, name, seenMs: hub.nowMs });
  hub.wake();
}

/** Closes a connection after everything queued for it has been sent. */
export function endSession(hub: HubState, session: Session, why: EndReason = "quit"): void {
  if (session.hasEnded) return;
  if (session.phase === "member") partAll(hub, session, "quit", { why });
  else logNameless(hub, session, why);
  session.enter("ending");
  session.queue.clear();
  closeLater(hub, session);
}

/** Nobody has to be told that a nameless session ends, so it does not wait for the store. */
function closeLater(hub: HubState, session: Session): void {
  const { pipeline, schedule } = hub;
  if (session.hadName) pipeline.gathering.ending.add(session);
  else schedule.endingUnnamed.add(session);
  hub.wake();
}

/** Hands over to the user's new connection, silently in `silentRooms`. */
export function replaceSession(
  hub: HubState,
  previous: Session,
  silentRooms: ReadonlySet<string>,
): void {
  partAll(hub, previous, "replaced", { silentRooms });
  endReplaced(hub, previous);
}

/** Ends a connection whose user has connected again. */
export function endReplaced(hub: HubState, session: Session): void {
  const reason = "You connected again from elsewhere";
  hub.send(session, { type: "bye", reason, code: "replaced" });
  endSession(hub, session);
}

/** Disconnects somebody and tells them why. */
export function expel(
  hub: HubState,
  session: Session,
  code: "kicked" | "banned",
  reason: string,
): void {
  if (session.hasEnded) return;
  partAll(hub, session, "kicked", { why: code });
  hub.send(session, { type: "bye", reason, code });
  endSession(hub, session, code);
}

/**
 * Disconnects a reader that is too slow: its backlog is discarded, and one last line explains why.
 */
export function dropSlow(hub: HubState, session: Session): void {
  if (session.hasEnded) return;
  hub.options.metrics.slowReadersDropped++;
  const lagKiB = Math.round(session.output.lagBytes / 1024);
  const reason = `You were reading too slowly (${lagKiB} KiB behind): connect again to catch up`;
  partAll(hub, session, "slow");
  session.output.abandon(textsOf(session, { type: "bye", reason }));
  session.enter("ending");
  session.queue.clear();
  session.liveness.ending(hub.nowMs);
  hub.schedule.ending.add(session);
  hub.wake();
}

/** When the total backlog is too large, disconnects the slowest readers until a quarter is free. */
export function dropSlowest(hub: HubState): void {
  if (hub.backlog.bytes <= limits.maxBacklogBytes) return;
  const lagging = Array.from(hub.sessions).filter(({ output }) => output.outbox.blocked);
  lagging.sort((a, b) => b.output.lagBytes - a.output.lagBytes);
  for (const session of lagging) {
    if (hub.backlog.bytes <= 0.75 * limits.maxBacklogBytes) return;
    // An ending session has already left its rooms.
    if (session.phase === "ending") session.output.clear();
    else dropSlow(hub, session);
  }
}

/**
 * Ends a session that the server can't continue, as if its connection had been lost: it may
 * reconnect.
 */
export function dropAsLost(hub: HubState, session: Session, reason: string): void {
  partAll(hub, session, "lost", { why: "unreadable" });
  hub.send(session, { type: "bye", reason });
  endSession(hub, session, "unreadable");
}

/** Other servers are not told yet of sessions that can be resumed: most soon return there. */
function leaveForOthers(hub: HubState, session: Session): void {
  const told = session.identity.recordId === "" ? "elsewhere" : "later";
  const once = hub.pipeline.nextOrder();
  for (const room of roomsOf(hub, session)) leaveRoom(hub, session, room, "lost", { told, once });
  if (session.phase !== "member" || told === "later") return;
  releaseName(hub, session);
  hub.list(session.identity.folded);
}

/**
 * Ends every connection. Departures are not announced; sessions with a record are marked as away,
 * so that they keep their names and mail across a restart.
 */
export function stopAll(hub: HubState, reason: string): void {
  for (const session of hub.sessions) {
    if (session.hasEnded) continue;
    if (session.phase === "member" && session.identity.recordId !== "") {
      recordDeparture(hub, session, session.identity.folded);
    }
    if (session.phase === "member" && session.identity.account !== "") {
      recordDevice(hub, session, "lost");
    }
    if (session.phase !== "member") logNameless(hub, session, "stopped");
    else hub.log.info("left", { ...sessionFields(session), reason: "stopped" });
    leaveForOthers(hub, session);
    session.queue.clear();
    hub.send(session, { type: "bye", reason });
    session.enter("ending");
    closeLater(hub, session);
  }
  hub.names.clear();
  hub.wake();
}
