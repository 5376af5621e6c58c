// Logging in: the name is checked and reserved, and a returning session recovers its counter, name
// and rooms from its record or from its previous connection. The session's commands wait until the
// store has answered.

import type { ErrorCode, ParleyError } from "../errors.ts";
import { networkOf } from "../addresses.ts";
import { history as historyLimits, names as nameLimits, sender } from "../limits.ts";
import { type HubState, textsOf } from "./hub-state.ts";
import { endSession, replaceSession } from "./disconnect.ts";
import type { LoginCommand, PrivateMessage } from "./events.ts";
import {
  holdRoom,
  enterRoom,
  openRoom,
  settleEntry,
  type Since,
  releaseRoom,
} from "./membership.ts";
import { absentNow } from "./messages.ts";
import { type Taken, takenByAbsent, takenByMember } from "./names/absent.ts";
import {
  addressName,
  aliasProblem,
  fold,
  lobby,
  nameProblem,
  roomProblem,
} from "./names/grammar.ts";
import { storeIsSlow } from "./rejections.ts";
import type { Room } from "./room.ts";
import type { Membership, Session } from "./session.ts";
import { sessionFields } from "./session-log.ts";
import { banOf, banText, suspectOf } from "./suspect.ts";
import { StoreQueries } from "./store-queries.ts";
import type { RoomBounds, SessionRecord } from "./store.ts";

export function login(hub: HubState, session: Session, command: LoginCommand): void {
  if (session.phase !== "new") {
    const message = "You are already logged in";
    return hub.send(session, { type: "error", code: "protocol", message });
  }
  if (command.visitor === true) return welcomeVisitor(hub, session);
  const assigned = command.name === "" && command.assign === true;
  const name = assigned ? freeAddressName(hub, session) : command.name;
  const refusal = assigned ? undefined : nameProblem(name, hub.options.reservedNames);
  if (refusal !== undefined) return refuse(hub, session, "name-invalid", name, refusal);
  const rooms = roomsAsked(command);
  const problem = roomsProblem(rooms);
  if (problem !== undefined) return refuse(hub, session, "room-invalid", name, problem);

  const secret = command.secret === "" ? hub.options.newSecret() : (command.secret ?? "");
  const recordId = secret === "" ? "" : hub.options.hashSecret(secret);
  const previous = recordId === "" ? undefined : hub.names.byKey(recordId);
  if (recordId !== "" && hub.names.entering(recordId) !== undefined) {
    const message = "This session is already logging in on another connection: try again";
    return refuse(hub, session, "rate", name, message, retryLoginMs);
  }
  const taken = takenNow(hub, session, name, previous);
  if (taken !== undefined) return refuse(hub, session, "name-taken", name, taken.message);
  if (hub.isOverfull()) {
    return refuse(hub, session, "storage", name, storeIsSlow, sender.storageRetryMs);
  }

  session.enter("entering");
  session.queue.block();
  previous?.queue.block();
  hub.names.reserve(fold(name));
  if (recordId !== "") hub.names.beginEntry(session, recordId);
  const alias = shownAlias(hub, command);
  const pending = new PendingLogin(hub, session, command, {
    name,
    alias,
    secret,
    recordId,
    previous,
    rooms,
  });
  // Unsettled work of this record is settled first: the welcome reports its numbers.
  if (recordId !== "" && hub.pipeline.hasPending(recordId, previous)) {
    hub.pipeline.whenSettled(() => pending.queryStore());
  } else pending.queryStore();
}

const retryLoginMs = 1_000;

/** Folded names of the rooms to join, with the last `seq` the client has. */
type RoomsAsked = ReadonlyMap<string, number | undefined>;

function roomsAsked({ rooms }: LoginCommand): RoomsAsked {
  const asked = new Map<string, number | undefined>();
  for (const { room, seq } of rooms ?? [{ room: lobby }]) asked.set(fold(room), seq);
  return asked;
}

function roomsProblem(rooms: RoomsAsked): string | undefined {
  const most = nameLimits.maxRoomsPerSession;
  if (rooms.size > most) return `A session can be in at most ${most} rooms, not ${rooms.size}`;
  for (const name of rooms.keys()) {
    const problem = roomProblem(name);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Whether another connected user has the name. */
function takenNow(
  hub: HubState,
  session: Session,
  name: string,
  previous: Session | undefined,
): Taken | undefined {
  const folded = fold(name);
  const holder = hub.names.holder(folded);
  const isOwn = holder !== undefined && (holder === previous || isGhost(holder, session));
  return !isOwn && hub.names.isTaken(folded) ? takenByMember(name) : undefined;
}

/**
 * Whether `holder` may be a client of the same address that is gone. Once it has shut down its
 * write side, a client that closed the connection looks like one that still listens.
 */
function isGhost({ liveness, peer, queue }: Session, session: Session): boolean {
  const isDone = liveness.inputEndedMs > 0 && !queue.isBlocked && queue.length === 0;
  return isDone && peer.address === session.peer.address;
}

/** The alias if it is valid; otherwise the name is shown in its place. */
function shownAlias({ options }: HubState, { alias }: LoginCommand): string | undefined {
  if (alias === undefined) return undefined;
  return aliasProblem(alias, options.reservedNames) === undefined ? alias : undefined;
}

type LoginPlan = {
  name: string;
  alias: string | undefined;
  secret: string;
  recordId: string;
  /** The user's previous connection, if still open. */
  previous: Session | undefined;
  rooms: RoomsAsked;
};

/** One login, from its command to its welcome. */
class PendingLogin {
  readonly #hub: HubState;
  readonly #session: Session;
  readonly #command: LoginCommand;
  readonly #plan: LoginPlan;
  readonly #bounds = new Map<string, RoomBounds>();
  #record: SessionRecord | undefined;
  #holder: SessionRecord | undefined;
  #aliasHolder: SessionRecord | undefined;
  /** Whether the missed private messages are stored without a gap. */
  #mailIsKept = true;

  constructor(hub: HubState, session: Session, command: LoginCommand, plan: LoginPlan) {
    this.#hub = hub;
    this.#session = session;
    this.#command = command;
    this.#plan = plan;
  }

  /** Asks the store for everything that decides this login. */
  queryStore(): void {
    const { store, nowMs } = this.#hub;
    const { name, alias, recordId, previous, rooms } = this.#plan;
    const { since } = this.#command;
    const queries = new StoreQueries(this.#hub, this.#session);
    const sinceMs = nowMs - historyLimits.mailHoldMs;
    for (const room of rooms.keys()) {
      holdRoom(this.#hub, room);
      queries.ask<RoomBounds>(
        (then) => store.bounds(room, then),
        (bounds) => this.#bounds.set(room, bounds),
      );
    }
    queries.ask<SessionRecord | undefined>(
      (then) => store.findName(fold(name), sinceMs, then),
      (record) => (this.#holder = record),
    );
    if (alias !== undefined) {
      queries.ask<SessionRecord | undefined>(
        (then) => store.findName(fold(alias), sinceMs, then),
        (record) => (this.#aliasHolder = record),
      );
    }
    if (recordId !== "") {
      queries.ask<SessionRecord | undefined>(
        (then) => store.loadSession(recordId, then),
        (record) => (this.#record = record),
      );
      const mail = since?.epoch === this.#hub.options.epoch ? since.mail : undefined;
      if (mail !== undefined) {
        queries.ask<readonly PrivateMessage[]>(
          (then) => store.readMail(recordId, mail, historyLimits.pageMessages, then),
          (messages) => (this.#mailIsKept = isWhole(messages, mail, this.#record?.mail ?? 0)),
        );
      }
    }
    queries.whenAnswered((error) => {
      const { pipeline } = this.#hub;
      // The previous connection sent a message in the meantime; read its record again.
      if (previous !== undefined && pipeline.hasPendingCount(previous))
        pipeline.whenSettled(() => this.queryStore());
      else this.#decide(error);
      for (const room of rooms.keys()) releaseRoom(this.#hub, room);
    }, true);
  }

  #decide(error: ParleyError | undefined): void {
    const { names } = this.#hub;
    const { name, previous } = this.#plan;
    names.unreserve(fold(name));
    this.#session.queue.unblock();
    this.#hub.schedule.unblocked.add(this.#session);
    previous?.queue.unblock();
    if (previous?.phase === "member") this.#hub.schedule.unblocked.add(previous);
    // The connection may have closed while waiting.
    if (this.#session.phase !== "entering") return names.abortEntry(this.#session);
    if (error !== undefined) {
      this.#hub.options.log.warn(error.message);
      return this.#refuse(error.code, error.message);
    }
    const ban = banOf(this.#hub, suspectOf(this.#session, name, this.#plan.alias));
    if (ban !== undefined) return this.#refuseBanned(banText(ban));
    const taken = this.#taken();
    if (taken !== undefined) {
      return this.#refuse("name-taken", taken.message, taken.retryAfterMs);
    }
    const { rates } = this.#hub.options;
    const { address } = this.#session.peer;
    const waitMs = rates === undefined ? 0 : this.#hub.loginRates.take(address, this.#hub.nowMs);
    if (waitMs > 0) {
      const message = `Too many logins from ${address}: try again in ${Math.ceil(waitMs / 1000)} s`;
      return this.#refuse("rate", message, waitMs);
    }
    const rooms = this.#openRooms();
    if (typeof rooms === "string") return this.#refuse("full", rooms);
    this.#admit(rooms);
  }

  /** Whether name or alias belong to somebody else. */
  #taken(): Taken | undefined {
    const { names, nowMs } = this.#hub;
    const { name, recordId, previous } = this.#plan;
    const claimant = { recordId, network: networkOf(this.#session.peer.address) };
    const byMember = takenNow(this.#hub, this.#session, name, previous);
    if (byMember !== undefined) return byMember;
    const holder = absentNow(this.#hub, fold(name), this.#holder);
    const byAbsent = takenByAbsent(name, holder, claimant, nowMs);
    if (byAbsent !== undefined) return byAbsent;
    const { alias } = this.#plan;
    const key = previous?.identity.key ?? this.#session.identity.key;
    // In dialects that show aliases, a name must not equal somebody else's alias.
    if (names.isAliasOfOther(fold(name), key)) return takenByMember(name);
    if (alias === undefined || fold(alias) === fold(name)) return undefined;
    if (names.isTakenByOther(alias, key)) return takenByMember(alias);
    const aliasHolder = absentNow(this.#hub, fold(alias), this.#aliasHolder);
    return takenByAbsent(alias, aliasHolder, claimant, nowMs);
  }

  /** The rooms, or the sentence that says why one can't be opened. */
  #openRooms(): Room[] | string {
    const opened: Room[] = [];
    for (const [name, bounds] of this.#bounds) {
      const room = openRoom(this.#hub, this.#session, name, bounds);
      if (typeof room === "string") return room;
      opened.push(room);
    }
    return opened;
  }

  #admit(rooms: readonly Room[]): void {
    const hub = this.#hub;
    const session = this.#session;
    const { name, alias, recordId, previous } = this.#plan;
    const { since, runs } = this.#command;
    // Same name, same room: the takeover is not announced.
    const isSame = previous?.phase === "member" && previous.identity.name === name;
    const silentRooms = new Set<string>();
    for (const room of rooms)
      if (isSame && previous.rooms.has(room.name)) silentRooms.add(room.name);
    if (previous !== undefined) replaceSession(hub, previous, silentRooms);
    const ghost = hub.names.holder(fold(name));
    if (ghost !== undefined) endSession(hub, ghost, "replaced");
    session.enter("member");
    hub.names.enter(session, name, alias);
    if (recordId !== "") {
      session.counter.restore(previous?.counter.taken ?? this.#record?.n ?? 0);
      const mailed = Math.max(this.#record?.mail ?? 0, previous?.mailbox.last ?? 0);
      session.mailbox.restore(mailed);
      hub.pipeline.gathering.departed.delete(recordId);
      if (since !== undefined) hub.options.metrics.resumes++;
      hub.queueRecord(session);
    }
    if (runs === true) session.dialect = session.dialect.withRuns ?? session.dialect;
    const entries = rooms.map((room) => {
      const membership = enterRoom(hub, session, room, silentRooms.has(room.name));
      return { room, membership };
    });
    this.#welcome(entries);
    const line = session.dialect.terminal?.named?.(name, session.identity.alias);
    if (line !== undefined) hub.options.print(line);
    const returned = since !== undefined;
    hub.options.log.info("logged in", { ...sessionFields(session), returned });
  }

  /** Sends the welcome once the position of the new member in each room's log is settled. */
  #welcome(entries: readonly { room: Room; membership: Membership }[]): void {
    const hub = this.#hub;
    const session = this.#session;
    const { name, secret } = this.#plan;
    const n = session.counter.taken;
    const order = entries[0]?.membership.hearsFrom ?? hub.pipeline.nextOrder();
    session.awaitsWelcome = true;
    hub.pipeline.gathering.beforeDelivery.push(() => {
      session.awaitsWelcome = false;
      const states = entries.map(({ room, membership }) => {
        const since = this.#sinceOf(room.name);
        const bounds = this.#bounds.get(room.name)!;
        return settleEntry(hub, room, membership, membership.hearsFrom, since, bounds);
      });
      const { mail, recovered } = this.#startMail();
      const { epoch } = hub.options;
      const { alias } = session.identity;
      const entry = { name, alias, secret, epoch, mail, n, recovered, rooms: states };
      for (const text of textsOf(session, { type: "welcome", ...entry })) {
        hub.pipeline.settling?.addPersonal(session, { order, text, timing: "settled" });
      }
    });
    hub.wake();
  }

  #sinceOf(room: string): Since | undefined {
    const { since } = this.#command;
    const seq = this.#plan.rooms.get(room);
    return since === undefined || seq === undefined ? undefined : { epoch: since.epoch, seq };
  }

  /**
   * Starts replaying missed private messages. Returns the number after which live ones follow, and
   * whether every missed one will be replayed.
   */
  #startMail(): { mail: number; recovered: boolean } {
    const hub = this.#hub;
    const session = this.#session;
    const { mailbox } = session;
    const { since } = this.#command;
    // Numbers of another log mean nothing here: everything in the mailbox is new to the client.
    const isSameLog = since?.epoch === hub.options.epoch;
    const has = since?.mail === undefined || isSameLog ? since?.mail : 0;
    // Messages that arrived during the login are replayed too.
    const live = mailbox.replayedTo ?? mailbox.last;
    if (has !== undefined) mailbox.replayAfter(has);
    if (mailbox.replayedTo !== undefined && session.phase === "member") {
      hub.schedule.replaying.add(session);
      hub.wake();
    }
    const isAll = isSameLog && has !== undefined && has <= mailbox.last && this.#mailIsKept;
    return { mail: has === undefined ? live : mailbox.last, recovered: isAll };
  }

  /** No other name would help, so none is asked for. */
  #refuseBanned(message: string): void {
    const hub = this.#hub;
    const session = this.#session;
    hub.names.abortEntry(session);
    session.enter("new");
    const { name } = this.#plan;
    hub.options.log.info("login refused", { ...sessionFields(session), name, code: "banned" });
    hub.send(session, { type: "error", code: "banned", message, subject: name });
    endSession(hub, session, "banned");
  }

  #refuse(code: ErrorCode, message: string, retryAfterMs?: number): void {
    this.#hub.names.abortEntry(this.#session);
    this.#session.enter("new");
    refuse(this.#hub, this.#session, code, this.#plan.name, message, retryAfterMs);
  }
}

/**
 * Whether a page of a mailbox has everything after `mail`, up to `last` if the page is not full.
 */
function isWhole(page: readonly PrivateMessage[], mail: number, last: number): boolean {
  const reached = page.at(-1)?.mail ?? mail;
  const isEnd = reached >= last || page.length === historyLimits.pageMessages;
  return isEnd && reached === mail + page.length;
}

function welcomeVisitor(hub: HubState, session: Session): void {
  session.enter("visitor");
  hub.send(session, {
    type: "welcome",
    name: "",
    alias: undefined,
    secret: "",
    epoch: hub.options.epoch,
    mail: 0,
    n: 0,
    recovered: false,
    rooms: [],
  });
}

function freeAddressName(hub: HubState, session: Session): string {
  const name = addressName(session.peer.address, session.peer.port);
  return hub.names.isTaken(fold(name)) ? `${name}#${session.id}` : name;
}

function refuse(
  hub: HubState,
  session: Session,
  code: ErrorCode,
  name: string,
  message: string,
  retryAfterMs?: number,
): void {
  hub.options.log.info("login refused", { ...sessionFields(session), name, code });
  hub.send(session, { type: "refused", code, name, message, retryAfterMs });
  if (session.dialect.refusalEnds === true) endSession(hub, session, "refused");
}
