// Tells a session that its request failed.

import type { ErrorCode, ParleyError } from "../errors.ts";
import { history, message as messageLimits, names as nameLimits, sender } from "../limits.ts";
import { beginning, quoted } from "../text.ts";
import type { HubState } from "./hub-state.ts";
import type { Command, Ref } from "./events.ts";
import { count } from "./metrics/metrics.ts";
import { fold } from "./names/grammar.ts";
import { nearestSeen } from "./names/near-name.ts";
import type { Room } from "./rooms/room.ts";
import type { Session } from "./session.ts";

/**
 * What an error refers to. `takesCounter`: the message has used up its counter and is refused for
 * good once that is committed; if the commit fails, it may be resent.
 */
export type About = {
  ref?: Ref | undefined;
  n?: number | undefined;
  subject?: string | undefined;
  /** Another server, as `HOST:PORT`. */
  at?: string | undefined;
  takesCounter?: boolean;
  /** Part of the request failed; its answer follows. */
  isPartial?: boolean;
};

/** The counter of a message that its sender counts. */
export function numberOf(command: Command): number | undefined {
  return "n" in command ? command.n : undefined;
}

export function refOf(command: Command): Ref | undefined {
  return "ref" in command ? command.ref : undefined;
}

export function reject(
  hub: HubState,
  session: Session,
  code: ErrorCode,
  message: string,
  { ref, n, subject, at, takesCounter = false, isPartial }: About = {},
): void {
  const timing = takesCounter && n !== undefined ? "committed" : "now";
  hub.send(session, { type: "error", code, message, ref, subject, at, n, isPartial }, timing);
}

export function rejectUnknownUser(
  hub: HubState,
  session: Session,
  name: string,
  about: About,
): void {
  const subject = beginning(name, messageLimits.maxTextChars);
  const message = nobodyCalled(hub, session, name);
  reject(hub, session, "unknown-user", message, { ...about, subject });
}

/** Suggests the nearest name that the session can see. */
export function nobodyCalled(hub: HubState, session: Session, name: string): string {
  const near = nearestSeen(hub, session, name);
  const advice = near === undefined ? "check who is here" : `did you mean ${quoted(near)}?`;
  return `Nobody here is called ${quoted(name, nameLimits.maxChars)}: ${advice}`;
}

/**
 * The absent person's mailbox already holds as much as the sender's network or account may leave in
 * it.
 */
export function rejectFullMailbox(
  hub: HubState,
  session: Session,
  name: string,
  about: About,
): void {
  const left =
    session.proven.account === undefined
      ? `your network has already left ${history.absentMailMessages} messages`
      : "you, or all accounts of your network, have left too many messages already";
  const message = `${quoted(name)} is away, and ${left}: the message was not sent, write again later`;
  reject(hub, session, "full", message, { ...about, subject: name });
}

/** While the store is not responding. */
export const storeIsSlow = "The server's disk is too slow: nothing was sent or changed, try again";

/** Refuses what would have to wait for the store, if too much already does. True if refused. */
export function refuseIfOverfull(
  hub: HubState,
  session: Session,
  { n, ref }: { n?: number | undefined; ref?: Ref | undefined },
  chars?: number,
): boolean {
  if (!hub.isOverfull(chars)) return false;
  if (n !== undefined) session.counter.refuse(n);
  const about = { retryAfterMs: sender.storageRetryMs, n, ref };
  hub.send(session, { type: "error", code: "storage", message: storeIsSlow, ...about });
  return true;
}

/** The store could not be read. A counted message has not been accepted and may be resent. */
export function rejectUnread(
  hub: HubState,
  session: Session,
  command: Command,
  { code, message }: ParleyError,
): void {
  hub.log.warn(message);
  const n = numberOf(command);
  if (n === undefined) return reject(hub, session, code, message, { ref: refOf(command) });
  session.counter.refuse(n);
  session.queue.dropFrom(n);
  count(hub.options.metrics.messagesRefused, code);
  hub.send(session, { type: "error", code, message, n, retryAfterMs: sender.storageRetryMs });
}

/** The room, if the session is in it; otherwise rejects the request. */
export function joinedRoom(
  hub: HubState,
  session: Session,
  name: string,
  ref: Ref | undefined,
): Room | undefined {
  const room = session.rooms.has(fold(name)) ? hub.rooms.get(fold(name)) : undefined;
  if (room === undefined) rejectNotInRoom(hub, session, name, ref);
  return room;
}

/** A request about a room that the session is not in. */
export function rejectNotInRoom(
  hub: HubState,
  session: Session,
  room: string,
  ref: Ref | undefined,
): void {
  const message = `You are not in the room ${quoted(room)}: join it first`;
  reject(hub, session, "not-in-room", message, { ref, subject: room });
}
