// Requests of programs that show an access token: to say something in a room without being in it,
// to read its history, or to listen. The token identifies the requester; otherwise the same rules
// apply as to everybody: bans, mutes, private rooms, the modes of a room, rates.

import type { ErrorCode, ParleyError } from "../../errors.ts";
import { history as historyLimits, rights as limits } from "../../limits.ts";
import { harmlessLines, quoted, showsNothing } from "../../text.ts";
import type { Command } from "../events.ts";
import { endSession } from "../disconnect.ts";
import { fittingPage } from "../history/history-page.ts";
import type { HubState } from "../hub-state.ts";
import type { Account } from "./account-store.ts";
import { login } from "../login/login.ts";
import { turnAway, unowned } from "../login/refuse-login.ts";
import { holdRoom, openRoom, releaseRoom } from "../rooms/membership.ts";
import { textProblem } from "../messages.ts";
import { fold, lobby, roomProblem } from "../names/grammar.ts";
import { refuseIfOverfull } from "../rejections.ts";
import type { AccessToken } from "../rights/access-tokens.ts";
import type { Refusal } from "../refusal.ts";
import { entryProblem, mayEnter, silenceIn } from "../rooms/room-rights.ts";
import type { Session } from "../session.ts";
import { sessionFields } from "../session-log.ts";
import { askStore, StoreQueries } from "../turn/store-queries.ts";
import type { RoomBounds } from "../turn/store.ts";
import { banOf, banText, muteText, suspectOf } from "../suspect.ts";

type Of<T extends Command["type"]> = Extract<Command, { type: T }>;
type Request = Of<"post" | "read" | "listen">;

export function post(hub: HubState, session: Session, command: Of<"post">): void {
  const { text, kind } = command;
  const bearer = bearerOf(hub, session, command);
  if (bearer === undefined) return;
  session.enter("visitor");
  const muted = muteText(hub, session);
  if (muted !== undefined) return refuse(hub, session, "muted", muted);
  const problem = showsNothing(text) ? "There is no text to say" : textProblem(text);
  if (problem !== undefined) return refuse(hub, session, "text-invalid", problem);
  if (refuseIfOverfull(hub, session, {}, text.length)) return endSession(hub, session, "refused");
  withRoom(hub, session, command, bearer, (name, bounds) => {
    const silenced = silenceIn(hub, session, name);
    if (silenced !== undefined) return refuse(hub, session, "muted", silenced);
    const room = openRoom(hub, session, name, bounds);
    if (typeof room === "string") return refuse(hub, session, "full", room);
    const { shareOwner } = session;
    const waitMs = hub.past.waitMs(name, shareOwner, hub.nowMs);
    if (waitMs > 0) {
      const message = "You are filling the history of this room too fast: try again later";
      return refuse(hub, session, "rate", message, waitMs);
    }
    const { gathering } = hub.pipeline;
    const said = harmlessLines(text);
    hub.past.add(name, shareOwner, said, hub.nowMs);
    holdRoom(hub, name);
    gathering.afterDelivery.push(() => releaseRoom(hub, name));
    session.counter.take(1);
    const order = hub.pipeline.nextOrder();
    gathering.say(room, session, said, { order, timeMs: hub.stampMs, n: 1, kind });
    hub.wake();
    endSession(hub, session);
  });
}

export function read(hub: HubState, session: Session, command: Of<"read">): void {
  const { after, before, limit, isToSpeak } = command;
  const bearer = bearerOf(hub, session, command);
  if (bearer === undefined) return;
  session.enter("visitor");
  withRoom(hub, session, command, bearer, (room, { last }) => {
    const silenced = isToSpeak === true ? silenceIn(hub, session, room) : undefined;
    if (silenced !== undefined) return refuse(hub, session, "muted", silenced);
    // As in a room: messages that are committed but not delivered yet are not shown yet.
    const end = (hub.rooms.get(room)?.seq ?? last) + 1;
    const range = after === undefined ? { before: Math.min(before ?? end, end) } : { after };
    const most = Math.min(limit, historyLimits.pageMessages);
    askStore(hub, session, { type: "read-room", room, ...range, limit: most }, (outcome) => {
      if (!outcome.done) return refuse(hub, session, "storage", outcome.error.message);
      const found = outcome.result.filter(({ seq }) => seq < end);
      const closed = closedTo(hub, session, room, bearer.account, "read");
      if (closed !== undefined) return refuse(hub, session, closed.code, closed.message);
      const messages = fittingPage(found, after === undefined ? "newest" : "oldest");
      hub.send(session, { type: "history", room, messages, ref: undefined });
      endSession(hub, session);
    });
  });
}

export function listen(hub: HubState, session: Session, command: Of<"listen">): void {
  const { since } = command;
  const bearer = bearerOf(hub, session, command);
  if (bearer === undefined) return;
  const { account, name, hash } = bearer;
  withRoom(hub, session, command, bearer, (room) => {
    const listeners = listenersOf(hub, bearer);
    if (listeners >= limits.listenersPerToken) {
      const message = `The token listens ${listeners} times already: close one connection first`;
      return refuse(hub, session, "full", message);
    }
    // The token replaces what the server requires of others.
    session.admit();
    const rooms = [{ room, seq: since?.seq }];
    const more = since === undefined ? {} : { since: { epoch: since.epoch } };
    const proof = { bearer: { account, token: hash } };
    login(hub, session, { type: "login", name, rooms, ...proof, ...more });
  });
}

/** How many sessions listen with the token, or are about to. */
function listenersOf(hub: HubState, { hash }: AccessToken): number {
  const listening = [...hub.sessions].filter(
    ({ proven, phase }) => proven.token === hash && (phase === "entering" || phase === "member"),
  );
  return listening.length;
}

/** The token, if it is valid; undefined: refused. */
function bearerOf(hub: HubState, session: Session, command: Request): AccessToken | undefined {
  const shown = hub.options.hashSecret(command.accessToken);
  const token = hub.rights.tokens.find(shown, hub.stampMs);
  if (session.phase !== "new" || token === undefined) {
    refuse(hub, session, "wrong-token", "The access token is not valid, or no longer is");
    return undefined;
  }
  const { account, name, hash } = token;
  // From here on, the account's share is used, and its person asks.
  hub.names.speakFor(session, token);
  session.prove({ account, token: hash, isBearer: true });
  const ban = banOf(hub, suspectOf(session, { names: [name] }));
  if (ban !== undefined) {
    refuse(hub, session, "banned", banText(ban));
    return undefined;
  }
  const { rates } = hub.options;
  if (rates !== undefined && !session.queue.spend(command, rates, hub.nowMs)) {
    const waitMs = session.queue.waitMs(hub.nowMs);
    refuse(hub, session, "rate", `Too fast for ${name}: try again in a moment`, waitMs);
    return undefined;
  }
  hub.log.info("token used", { ...sessionFields(session), name, token: token.id });
  return token;
}

/** Continues with the requested room, if it exists and the session may know of it. */
function withRoom(
  hub: HubState,
  session: Session,
  { type, room: asked }: Request,
  { account }: AccessToken,
  then: (room: string, bounds: RoomBounds) => void,
): void {
  const problem = roomProblem(asked);
  if (problem !== undefined) return refuse(hub, session, "room-invalid", problem);
  const room = fold(asked);
  const isOpen = (): boolean => {
    const closed = closedTo(hub, session, room, account, type);
    if (closed !== undefined) refuse(hub, session, closed.code, closed.message);
    return closed === undefined;
  };
  if (!isOpen()) return;
  let owner: Account | undefined;
  let bounds: RoomBounds | undefined;
  const answer = (problem: ParleyError | undefined): void => {
    if (session.hasEnded) return;
    if (problem !== undefined) return refuse(hub, session, "storage", problem.message);
    if (owner === undefined) return refuse(hub, session, "wrong-token", unowned);
    if (bounds === undefined || !exists(hub, room, bounds)) {
      const message = `There is no room ${quoted(asked)}: somebody has to enter it first`;
      return refuse(hub, session, "not-found", message);
    }
    // Operators may have decided otherwise meanwhile.
    if (isOpen()) then(room, bounds);
  };
  holdRoom(hub, room);
  const queries = new StoreQueries(hub, session);
  queries.ask({ type: "find-account", lookup: { id: account } }, (found) => (owner = found));
  queries.ask({ type: "room-bounds", room }, (found) => (bounds = found));
  queries.whenAnswered((problem) => {
    answer(problem);
    releaseRoom(hub, room);
  }, "even-if-ended");
}

/** Why the room is closed to the token's holder; undefined if it is not. */
function closedTo(
  hub: HubState,
  session: Session,
  room: string,
  account: string,
  type: Request["type"],
): Refusal | undefined {
  if (!mayEnter(hub, session, room, [account])) {
    const message = `The room ${quoted(room)} is private: an operator can let you in`;
    return { code: "not-allowed", message };
  }
  const closed = entryProblem(hub, session, room, undefined);
  // Only a listener takes up a place.
  return closed?.code === "room-full" && type !== "listen" ? undefined : closed;
}

/** A typo in a program must not create rooms that nobody reads. */
function exists({ rooms, rights }: HubState, room: string, { first, last }: RoomBounds): boolean {
  if (room === lobby || rooms.has(room) || last >= first) return true;
  const { topic, isPrivate } = rights.rooms.of(room);
  return topic !== "" || isPrivate;
}

function refuse(
  hub: HubState,
  session: Session,
  code: ErrorCode,
  message: string,
  retryAfterMs?: number,
): void {
  hub.log.info("request refused", { ...sessionFields(session), code });
  turnAway(hub, session, { code, message, retryAfterMs });
}
