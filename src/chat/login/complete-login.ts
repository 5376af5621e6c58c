// Completes a login once nothing stands in its way: the session takes the place of the user's
// previous connection, recovers its counter and mailbox, and enters its rooms. welcome.ts tells its
// client.

import { people } from "../../limits.ts";
import { beginning, harmless } from "../../text.ts";
import { endSession, replaceSession } from "../disconnect.ts";
import type { HubState } from "../hub-state.ts";
import { fold } from "../names/grammar.ts";
import { returnToOffers } from "../offers/offer-commands.ts";
import { tellCensus } from "../people/census.ts";
import { setAway } from "../people/people-commands.ts";
import { noteCome } from "../people/comings.ts";
import { reject } from "../rejections.ts";
import { enterRoom } from "../rooms/membership.ts";
import { tellMotd, tellNews } from "../rooms/room-access.ts";
import { entryProblem } from "../rooms/room-rights.ts";
import type { Session } from "../session.ts";
import { sessionFields } from "../session-log.ts";
import { readRefused } from "../turn/refused-numbers.ts";
import type { SessionTaken } from "../turn/store.ts";
import type { GrantedLogin, LoginFacts } from "./login-stages.ts";
import { type Entry, sinceIn, welcome } from "./welcome.ts";

export function completeLogin(hub: HubState, session: Session, login: GrantedLogin): void {
  const { attempt, facts, taken } = login;
  const { command, name, alias, recordId, previous } = attempt;
  const { since, runs, user = "", realName = "" } = command;
  const takeover = takeOver(hub, login);
  session.enter("member");
  hub.names.enter(session, name, alias);
  session.person.describe({ user, realName: beginning(harmless(realName), people.maxNoteChars) });
  session.person.sinceMs = hub.stampMs;
  const { mailbox } = session.identity;
  const mailed = previous?.identity.mailbox === mailbox ? previous.mailbox.last : 0;
  if (mailbox !== "") session.mailbox.restore(Math.max(login.lastMail, mailed));
  setProven(hub, session, login);
  const away = previous?.person.away ?? hub.awayNotes.take(recordId, hub.nowMs);
  const others = hub.names.otherDevices(session);
  session.person.away = others.every(({ person }) => person.away !== undefined) ? away : undefined;
  noteCome(hub, session);
  if (recordId !== "") {
    session.claim = taken?.claim;
    restoreCounter(session, previous, facts.record, taken);
    hub.pipeline.gathering.departed.delete(recordId);
    if (since !== undefined) hub.options.metrics.resumes++;
    hub.queueRecord(session);
  }
  session.takesFiles = command.takesFiles === true;
  session.hearsCopies = command.copies === true;
  if (runs === true) session.dialect = session.dialect.withRuns ?? session.dialect;
  enterRooms(hub, session, login, takeover);
  // Whoever comes with another device is not away.
  if (session.person.away === undefined) setAway(hub, session, "");
  returnToOffers(hub, session);
  const line = session.dialect.terminal?.named?.(name, session.identity.alias);
  if (line !== undefined) hub.options.print(line);
  const returned = since !== undefined;
  hub.log.info("logged in", { ...sessionFields(session), returned });
}

type Takeover = {
  /** The rooms in which the session takes the place of the previous connection. */
  readonly before: ReadonlySet<string>;
  /** Rooms that are not told of the change, since the user keeps the name. */
  readonly silent: ReadonlySet<string>;
};

function takeOver(hub: HubState, { attempt, facts, rooms }: GrantedLogin): Takeover {
  const { name, previous } = attempt;
  const before = new Set<string>();
  // The secret of an account's session does not prove that its owner is logging in.
  const { account = "" } = previous?.identity ?? {};
  const isSamePerson = account === "" || account === facts.owner?.id;
  if (isSamePerson) for (const { room } of previous?.rooms ?? []) before.add(room);
  const isSame = previous?.phase === "member" && previous.identity.name === name;
  const silent = new Set<string>();
  for (const room of rooms) if (isSame && before.has(room.name)) silent.add(room.name);
  if (previous !== undefined) replaceSession(hub, previous, silent);
  const ghost = hub.names.holder(fold(name));
  if (ghost !== undefined && facts.owner === undefined) endSession(hub, ghost, "replaced");
  return { before, silent };
}

function setProven(hub: HubState, session: Session, login: GrantedLogin): void {
  const { owner, ofKey, ofToken } = login.facts;
  const person = owner ?? ofKey ?? ofToken;
  if (person !== undefined) session.person.describe({ accountName: person.name });
  const { account } = session.proven;
  if (person === undefined && account === undefined) return;
  session.prove({
    account: person?.id ?? account,
    isDevice: person !== undefined && person.id === ofKey?.id,
    password: owner?.password,
    token: tokenHash(hub, login),
    isBearer: login.attempt.command.bearer !== undefined,
  });
}

/** The hash of the token that the session has been admitted with, or has got for the next time. */
function tokenHash(hub: HubState, { attempt, facts, newToken }: GrantedLogin): string | undefined {
  const { bearer, token } = attempt.command;
  if (bearer !== undefined) return bearer.token;
  const current = newToken ?? (facts.ofToken === undefined ? undefined : token);
  return current === undefined ? undefined : hub.options.hashSecret(current);
}

/**
 * Continues from what the claim has found: nothing of an earlier connection is stored after it, not
 * even what that has taken meanwhile. Without a claim, from the previous connection or the record,
 * whichever is further.
 */
function restoreCounter(
  { counter }: Session,
  previous: Session | undefined,
  stored: LoginFacts["record"],
  taken: SessionTaken | undefined,
): void {
  const before = previous?.counter;
  if (taken === undefined && before !== undefined && before.taken >= (stored?.n ?? 0)) {
    return counter.restore(before.taken, before.refusals);
  }
  const record = taken ?? stored;
  counter.restore(record?.n ?? 0, readRefused(record?.refused));
}

function enterRooms(
  hub: HubState,
  session: Session,
  login: GrantedLogin,
  { before, silent }: Takeover,
): void {
  const { attempt, facts, rooms } = login;
  const { command } = attempt;
  const entries: Entry[] = [];
  const refusals: (() => void)[] = [];
  for (const room of rooms) {
    const { name: subject } = room;
    // Who wants to enter is known only now.
    const key = attempt.rooms.get(subject)?.key;
    const closed = before.has(subject) ? undefined : entryProblem(hub, session, subject, key);
    if (closed === undefined) {
      entries.push({ room, membership: enterRoom(hub, session, room, silent.has(subject)) });
    } else {
      const { code, message } = closed;
      refusals.push(() => reject(hub, session, code, message, { subject }));
    }
  }
  welcome(hub, session, login, entries);
  for (const refuse of refusals) refuse();
  if (session.dialect.showsPersonas === true) tellCensus(hub, session);
  const isBack = command.since !== undefined;
  tellMotd(hub, session, isBack);
  for (const { room } of entries) {
    const { erased } = facts.bounds.get(room.name)!;
    tellNews(hub, session, room.name, isBack, sinceIn(attempt, room.name), erased);
  }
}
