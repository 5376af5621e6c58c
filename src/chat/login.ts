// Entering: a name is checked and taken, a returning session gets its counter, its name and its rooms back, from its record or from
// its own other connection. The store is asked first; until it has answered, the name is reserved and the session's commands wait.

import type { ErrorCode, ParleyError } from "../errors.ts";
import { networkOf } from "../addresses.ts";
import { history as historyLimits, names as nameLimits } from "../limits.ts";
import { type HubState, textsOf } from "./hub-state.ts";
import { end, replace } from "./disconnect.ts";
import type { LoginCommand, PrivateMessage } from "./events.ts";
import {
  awaitRoom,
  enterRoom,
  openRoom,
  settleEntry,
  type Since,
  stopAwaiting,
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
import type { Room } from "./room.ts";
import type { Membership, Session } from "./session.ts";
import { sessionFields } from "./session-log.ts";
import { StoreAnswers } from "./store-answers.ts";
import type { RoomBounds, SessionRecord } from "./store.ts";

export function login(chat: HubState, session: Session, command: LoginCommand): void {
  if (session.phase !== "new") {
    const message = "You have said who you are";
    return chat.tell(session, { type: "error", code: "protocol", message });
  }
  if (command.visitor === true) return welcomeVisitor(chat, session);
  const assigned = command.name === "" && command.assign === true;
  const name = assigned ? freeAddressName(chat, session) : command.name;
  const refusal = assigned ? undefined : nameProblem(name, chat.options.reservedNames);
  if (refusal !== undefined) return refuse(chat, session, "name-invalid", name, refusal);
  const rooms = roomsAsked(command);
  const problem = roomsProblem(rooms);
  if (problem !== undefined) return refuse(chat, session, "room-invalid", name, problem);

  const secret = command.secret === "" ? chat.options.newSecret() : (command.secret ?? "");
  const recordId = secret === "" ? "" : chat.options.hashSecret(secret);
  const before = recordId === "" ? undefined : chat.names.person(recordId);
  if (recordId !== "" && chat.names.expected(recordId) !== undefined) {
    const message = "This session is entering on another connection: try again";
    return refuse(chat, session, "rate", name, message, retryEnteringMs);
  }
  const taken = takenNow(chat, name, before);
  if (taken !== undefined) return refuse(chat, session, "name-taken", name, taken.message);

  session.phase = "entering";
  session.queue.block();
  before?.queue.block();
  chat.names.reserve(fold(name));
  if (recordId !== "") chat.names.expect(session, recordId);
  const alias = shownAlias(chat, command);
  const entry = new Entry(chat, session, command, { name, alias, secret, recordId, before, rooms });
  // What is on its way for this record is settled first: its numbers are told to the newcomer.
  if (recordId !== "" && chat.pipeline.touches(recordId, before)) {
    chat.pipeline.whenSettled(() => entry.ask());
  } else entry.ask();
}

const retryEnteringMs = 1_000;

/** Folded names of the rooms to enter, with the last `seq` that the client has. */
type RoomsAsked = ReadonlyMap<string, number | undefined>;

function roomsAsked({ rooms }: LoginCommand): RoomsAsked {
  const asked = new Map<string, number | undefined>();
  for (const { room, seq } of rooms ?? [{ room: lobby }]) asked.set(fold(room), seq);
  return asked;
}

function roomsProblem(rooms: RoomsAsked): string | undefined {
  const most = nameLimits.maxRoomsPerSession;
  if (rooms.size > most) return `One can be in ${most} rooms at once: these are ${rooms.size}`;
  for (const name of rooms.keys()) {
    const problem = roomProblem(name);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Whether the name is somebody else's of those who are here. */
function takenNow(chat: HubState, name: string, before: Session | undefined): Taken | undefined {
  const folded = fold(name);
  const isOwn = before !== undefined && chat.names.holder(folded) === before;
  return !isOwn && chat.names.isTaken(folded) ? takenByMember(name) : undefined;
}

/** The alias, if it can be one; else the name stands in its place. */
function shownAlias({ options }: HubState, { alias }: LoginCommand): string | undefined {
  if (alias === undefined) return undefined;
  return aliasProblem(alias, options.reservedNames) === undefined ? alias : undefined;
}

type Plan = {
  name: string;
  alias: string | undefined;
  secret: string;
  recordId: string;
  /** Its own other connection. */
  before: Session | undefined;
  rooms: RoomsAsked;
};

/** One login between its command and its welcome. */
class Entry {
  readonly #chat: HubState;
  readonly #session: Session;
  readonly #command: LoginCommand;
  readonly #plan: Plan;
  readonly #bounds = new Map<string, RoomBounds>();
  #record: SessionRecord | undefined;
  #holder: SessionRecord | undefined;
  #aliasHolder: SessionRecord | undefined;
  /** The private messages after those that the client has are still kept, without a gap. */
  #mailIsKept = true;

  constructor(chat: HubState, session: Session, command: LoginCommand, plan: Plan) {
    this.#chat = chat;
    this.#session = session;
    this.#command = command;
    this.#plan = plan;
  }

  /** Asks the store for everything that decides this login. */
  ask(): void {
    const { store, nowMs } = this.#chat;
    const { name, alias, recordId, before, rooms } = this.#plan;
    const { since } = this.#command;
    const answers = new StoreAnswers(this.#chat, this.#session);
    const sinceMs = nowMs - historyLimits.mailHoldMs;
    for (const room of rooms.keys()) {
      awaitRoom(this.#chat, room);
      answers.ask<RoomBounds>(
        (then) => store.bounds(room, then),
        (bounds) => this.#bounds.set(room, bounds),
      );
    }
    answers.ask<SessionRecord | undefined>(
      (then) => store.findName(fold(name), sinceMs, then),
      (record) => (this.#holder = record),
    );
    if (alias !== undefined) {
      answers.ask<SessionRecord | undefined>(
        (then) => store.findName(fold(alias), sinceMs, then),
        (record) => (this.#aliasHolder = record),
      );
    }
    if (recordId !== "") {
      answers.ask<SessionRecord | undefined>(
        (then) => store.loadSession(recordId, then),
        (record) => (this.#record = record),
      );
      const mail = since?.epoch === this.#chat.options.epoch ? since.mail : undefined;
      if (mail !== undefined) {
        answers.ask<readonly PrivateMessage[]>(
          (then) => store.readMail(recordId, mail, historyLimits.pageMessages, then),
          (messages) => (this.#mailIsKept = messages.every((one, i) => one.mail === mail + 1 + i)),
        );
      }
    }
    answers.whenAnswered((error) => {
      const { pipeline } = this.#chat;
      // A message of its other connection, which had asked the store before, has been counted since.
      if (before !== undefined && pipeline.counts(before)) pipeline.whenSettled(() => this.ask());
      else this.#decide(error);
      for (const room of rooms.keys()) stopAwaiting(this.#chat, room);
    }, true);
  }

  #decide(error: ParleyError | undefined): void {
    const { names } = this.#chat;
    const { name, before } = this.#plan;
    names.unreserve(fold(name));
    this.#session.queue.unblock();
    this.#chat.schedule.unblocked.add(this.#session);
    before?.queue.unblock();
    if (before?.phase === "member") this.#chat.schedule.unblocked.add(before);
    // Its connection may have gone meanwhile.
    if (this.#session.phase !== "entering") return names.forget(this.#session);
    if (error !== undefined) {
      this.#chat.options.log.warn(error.message);
      return this.#refuse(error.code, error.message);
    }
    const taken = this.#taken();
    if (taken !== undefined) {
      return this.#refuse("name-taken", taken.message, taken.retryAfterMs);
    }
    const { rates } = this.#chat.options;
    const { address } = this.#session.peer;
    const waitMs = rates === undefined ? 0 : this.#chat.loginRates.take(address, this.#chat.nowMs);
    if (waitMs > 0) {
      const message = `Too many people have come from ${address}: try again in ${Math.ceil(waitMs / 1000)} s`;
      return this.#refuse("rate", message, waitMs);
    }
    const rooms = this.#openRooms();
    if (rooms === undefined) {
      return this.#refuse("full", "There are too many rooms: enter one that exists");
    }
    this.#admit(rooms);
  }

  /** Whether name or alias are somebody else's. */
  #taken(): Taken | undefined {
    const { names, nowMs } = this.#chat;
    const { name, recordId, before } = this.#plan;
    const claimant = { recordId, network: networkOf(this.#session.peer.address) };
    const byMember = takenNow(this.#chat, name, before);
    if (byMember !== undefined) return byMember;
    const holder = absentNow(this.#chat, fold(name), this.#holder);
    const byAbsent = takenByAbsent(name, holder, claimant, nowMs);
    if (byAbsent !== undefined) return byAbsent;
    const { alias } = this.#plan;
    const key = before?.identity.key ?? this.#session.identity.key;
    // In a dialect that shows aliases, the name of one would stand for the alias of the other.
    if (names.isAlias(fold(name), key)) return takenByMember(name);
    if (alias === undefined || fold(alias) === fold(name)) return undefined;
    if (names.isAnothers(alias, key)) return takenByMember(alias);
    const aliasHolder = absentNow(this.#chat, fold(alias), this.#aliasHolder);
    return takenByAbsent(alias, aliasHolder, claimant, nowMs);
  }

  #openRooms(): Room[] | undefined {
    const opened: Room[] = [];
    for (const [name, bounds] of this.#bounds) {
      const room = openRoom(this.#chat, name, bounds);
      if (room === undefined) return undefined;
      opened.push(room);
    }
    return opened;
  }

  #admit(rooms: readonly Room[]): void {
    const chat = this.#chat;
    const session = this.#session;
    const { name, alias, recordId, before } = this.#plan;
    const { since, runs } = this.#command;
    // The same person in the same room: nobody needs to hear that a connection was replaced.
    const isSame = before?.phase === "member" && before.identity.name === name;
    const unheard = new Set<string>();
    for (const room of rooms) if (isSame && before.rooms.has(room.name)) unheard.add(room.name);
    if (before !== undefined) replace(chat, before, unheard);
    session.phase = "member";
    chat.names.enter(session, name, alias);
    if (recordId !== "") {
      session.counter.restore(before?.counter.taken ?? this.#record?.n ?? 0);
      const mailed = Math.max(this.#record?.mail ?? 0, before?.mailbox.last ?? 0);
      session.mailbox.last = Math.max(session.mailbox.last, mailed);
      chat.pipeline.gathering.departed.delete(recordId);
      if (since !== undefined) chat.options.metrics.resumes++;
      chat.record(session);
    }
    if (runs === true) session.dialect = session.dialect.withRuns ?? session.dialect;
    const entries = rooms.map((room) => {
      const membership = enterRoom(chat, session, room, unheard.has(room.name));
      return { room, membership };
    });
    this.#welcome(entries);
    const line = session.dialect.terminal?.named?.(name, session.identity.alias);
    if (line !== undefined) chat.options.print(line);
    const returned = since !== undefined;
    chat.options.log.info("logged in", { ...sessionFields(session), returned });
  }

  /** Told when the place of the newcomer among all that is said is settled. */
  #welcome(entries: readonly { room: Room; membership: Membership }[]): void {
    const chat = this.#chat;
    const session = this.#session;
    const { name, secret } = this.#plan;
    const n = session.counter.taken;
    const order = entries[0]?.membership.hearsFrom ?? chat.pipeline.nextOrder();
    session.awaitsWelcome = true;
    chat.pipeline.gathering.beforeDelivery.push(() => {
      session.awaitsWelcome = false;
      const states = entries.map(({ room, membership }) => {
        const since = this.#sinceOf(room.name);
        const bounds = this.#bounds.get(room.name)!;
        return settleEntry(chat, room, membership, membership.hearsFrom, since, bounds);
      });
      const { mail, recovered } = this.#startMail();
      const { epoch } = chat.options;
      const { alias } = session.identity;
      const entry = { name, alias, secret, epoch, mail, n, recovered, rooms: states };
      for (const text of textsOf(session, { type: "welcome", ...entry })) {
        chat.pipeline.settling?.addPersonal(session, { order, text, timing: "settled" });
      }
    });
    chat.wake();
  }

  #sinceOf(room: string): Since | undefined {
    const { since } = this.#command;
    const seq = this.#plan.rooms.get(room);
    return since === undefined || seq === undefined ? undefined : { epoch: since.epoch, seq };
  }

  /**
   * The private messages that the client has missed are told. Answers the number after which live ones go on, and whether all
   * that it missed are told.
   */
  #startMail(): { mail: number; recovered: boolean } {
    const chat = this.#chat;
    const session = this.#session;
    const { mailbox } = session;
    const { since } = this.#command;
    const has = since?.epoch === chat.options.epoch ? since.mail : undefined;
    // What came while it was entering is told like what it has missed.
    const live = mailbox.replayed ?? mailbox.last;
    if (has !== undefined && has < mailbox.last) {
      mailbox.replayed = Math.min(mailbox.replayed ?? has, has);
    }
    if (mailbox.replayed !== undefined && session.phase === "member") {
      chat.schedule.replaying.add(session);
      chat.wake();
    }
    const isAll = has !== undefined && has <= mailbox.last && this.#mailIsKept;
    return { mail: has === undefined ? live : mailbox.last, recovered: isAll };
  }

  #refuse(code: ErrorCode, message: string, retryAfterMs?: number): void {
    this.#chat.names.forget(this.#session);
    this.#session.phase = "new";
    refuse(this.#chat, this.#session, code, this.#plan.name, message, retryAfterMs);
  }
}

function welcomeVisitor(chat: HubState, session: Session): void {
  session.phase = "visitor";
  chat.tell(session, {
    type: "welcome",
    name: "",
    alias: undefined,
    secret: "",
    epoch: chat.options.epoch,
    mail: 0,
    n: 0,
    recovered: false,
    rooms: [],
  });
}

function freeAddressName(chat: HubState, session: Session): string {
  const name = addressName(session.peer.address, session.peer.port);
  return chat.names.isTaken(fold(name)) ? `${name}#${session.id}` : name;
}

function refuse(
  chat: HubState,
  session: Session,
  code: ErrorCode,
  name: string,
  message: string,
  retryAfterMs?: number,
): void {
  chat.options.log.info("login refused", { ...sessionFields(session), name, code });
  chat.tell(session, { type: "refused", code, name, message, retryAfterMs });
  if (session.dialect.refusalEnds === true) end(chat, session);
}
