// Entering: a name is checked and taken, a returning session gets its counter and its name back from its own dead connection.

import type { ErrorCode } from "../errors.ts";
import type { Command } from "./events.ts";
import { replace } from "./disconnect.ts";
import type { SessionRecord } from "./history.ts";
import type { Hub } from "./hub.ts";
import { addressName, fold, lobby, nameProblem, roomProblem } from "./names/grammar.ts";
import { type Missed, missedSince, startReplay } from "./replay.ts";
import type { Session } from "./session.ts";
import { takenName } from "./names/registry.ts";

type Login = Extract<Command, { type: "login" }>;

export function login(hub: Hub, session: Session, command: Login): void {
  if (!isNew(session)) {
    hub.tell(session, { type: "error", code: "protocol", message: "You have said who you are" });
    return;
  }
  if (command.visitor === true) return welcomeVisitor(hub, session);
  const assigned = command.name === "" && command.assign === true;
  const name = assigned ? freeAddressName(hub, session) : command.name;
  const problem = assigned ? undefined : nameProblem(name);
  if (problem !== undefined) return refuseLogin(hub, session, "name-invalid", name, problem);
  const roomIssue = command.room === undefined ? undefined : roomProblem(command.room);
  if (roomIssue !== undefined) return refuseLogin(hub, session, "room-invalid", name, roomIssue);

  const roomName = fold(command.room ?? lobby);
  const secret = command.secret === "" ? hub.options.newSecret() : (command.secret ?? "");
  const recordId = secret === "" ? "" : hub.options.hashSecret(secret);
  hub.settleBefore(roomName, recordId);
  if (!isNew(session)) return;
  const holder = hub.members.get(fold(name));
  // Its own dead connection is no obstacle.
  const isBack = recordId !== "" && holder?.recordId === recordId;
  const { address } = session.peer;
  const who = { recordId, address };
  const taken = isBack ? undefined : takenName(hub, name, who);
  if (taken !== undefined) {
    const { message, retryAfterMs } = taken;
    return refuseLogin(hub, session, "name-taken", name, message, retryAfterMs);
  }
  const { alias } = command;
  const ownAlias =
    alias === undefined || fold(alias) === fold(name) || takenName(hub, alias, who) === undefined
      ? alias
      : undefined;
  const waitMs = hub.options.rates === undefined ? 0 : hub.loginRates.take(address, hub.nowMs);
  if (waitMs > 0) {
    const message = `Too many people have come from ${address}: try again in ${Math.ceil(waitMs / 1000)} s`;
    return refuseLogin(hub, session, "rate", name, message, waitMs);
  }
  const room = hub.room(roomName);
  if (room === undefined) {
    return refuseLogin(
      hub,
      session,
      "full",
      name,
      "There are too many rooms: enter one that exists",
    );
  }
  const { history } = hub.options;
  const record = recordId === "" ? undefined : history.session(recordId);
  const committedMail = record?.mail ?? 0;
  const missed = missedSince(history, room, { recordId, committedMail }, command.since);
  const before = recordId === "" ? undefined : hub.records.get(recordId);
  // The same person in the same room: nobody needs to hear that a connection was replaced.
  const silent = before?.room === room && before === holder && before.name === name;
  if (before !== undefined) replace(hub, before, silent);
  const admission = { name, alias: ownAlias, recordId, secret, room, command, silent };
  admit(hub, session, { ...admission, record, missed });
}

/** Asked again where a turn has ended: it may have dropped the session. */
function isNew(session: Session): boolean {
  return session.phase === "new";
}

type Admission = {
  name: string;
  /** Undefined if it is somebody else's name. */
  alias: string | undefined;
  recordId: string;
  secret: string;
  room: NonNullable<Session["room"]>;
  command: Login;
  silent: boolean;
  record: SessionRecord | undefined;
  missed: Missed;
};

function admit(hub: Hub, session: Session, admission: Admission): void {
  const { name, alias, recordId, secret, room, command, silent, record, missed } = admission;
  session.phase = "member";
  session.name = name;
  session.folded = fold(name);
  hub.members.set(session.folded, session);
  hub.aliases.yield(session.folded, session);
  if (alias !== undefined) session.alias = hub.aliases.use(session, alias);
  if (recordId !== "") {
    session.recordId = recordId;
    hub.records.set(recordId, session);
    session.n = session.committedN = session.ackedN = record?.n ?? 0;
    session.mail = session.committedMail = record?.mail ?? 0;
    if (command.since !== undefined) hub.options.metrics.resumes++;
    hub.turn.keepRecord(session);
  }
  if (command.runs === true) session.dialect = session.dialect.withRuns ?? session.dialect;
  session.room = room;
  room.add(session);
  startReplay(hub, session, room, missed);
  hub.tell(session, {
    type: "welcome",
    name,
    alias: session.alias,
    room: room.name,
    secret,
    epoch: hub.options.history.epoch,
    seq: room.committedSeq,
    mail: session.committedMail,
    recovered: missed.recovered,
    n: session.n,
  });
  const line = session.dialect.terminal?.named?.(name, session.alias);
  if (line !== undefined) hub.options.log(line);
  if (!silent) hub.announce(session);
}

function welcomeVisitor(hub: Hub, session: Session): void {
  session.phase = "visitor";
  hub.tell(session, {
    type: "welcome",
    name: "",
    alias: undefined,
    room: lobby,
    secret: "",
    epoch: hub.options.history.epoch,
    seq: 0,
    mail: 0,
    recovered: false,
    n: 0,
  });
}

function freeAddressName(hub: Hub, session: Session): string {
  const name = addressName(session.peer.address, session.peer.port);
  return hub.members.has(fold(name)) ? `${name}#${session.id}` : name;
}

export function refuseLogin(
  hub: Hub,
  session: Session,
  code: ErrorCode,
  name: string,
  message: string,
  retryAfterMs?: number,
): void {
  hub.tell(session, { type: "refused", code, name, message, retryAfterMs });
  if (session.dialect.refusalEnds === true) hub.end(session);
}
