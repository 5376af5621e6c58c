// The hub: sessions, rooms and names behind one pure state machine. Commands change state and
// gather a batch; `endTurn` passes the batch to the store, and `handleStore` delivers it. Knows no
// dialect, socket, store or clock: the adapter calls `handle…` with the time, carries out
// `pollStore`, and calls `endTurn` and `handleTimeout` when asked.

import { networkOf } from "../addresses.ts";
import { message as messageLimits, output } from "../limits.ts";
import type { AdminAnswer } from "./admin/answer.ts";
import { type Actor } from "./admin/actor.ts";
import { runAdmin } from "./admin/run-admin.ts";
import { CommitPipeline } from "./turn/commit-pipeline.ts";
import { execute } from "./commands.ts";
import { deliverAnswersOf, deliverBatch } from "./turn/delivery.ts";
import {
  type ForeignEvent,
  handleForeign,
  positionIn,
  type RoomPosition,
} from "./elsewhere/foreign-events.ts";
import { closedText, isOpen } from "./login/door-options.ts";
import { directoryEntry } from "./elsewhere/directory-entry.ts";
import type { Dialect, Peer } from "./dialect.ts";
import {
  dropAsLost,
  endSession,
  logNameless,
  partAll,
  reasonForEnd,
  stopAll,
} from "./disconnect.ts";
import type { LeaveReason } from "./events.ts";
import { type HubOptions, HubState } from "./hub-state.ts";
import type { Link } from "./link.ts";
import { count } from "./metrics/metrics.ts";
import { fold } from "./names/grammar.ts";
import { leaveCalls } from "./offers/call-commands.ts";
import { leaveCodes } from "./offers/code-commands.ts";
import { awaitedNames } from "./offers/offers-elsewhere.ts";
import { closeEmpty } from "./rooms/membership.ts";
import { banOf, banText, suspectOf } from "./suspect.ts";
import {
  chargeIgnored,
  endFlood,
  handleCommand,
  payerOf,
  releaseCommands,
} from "./rates/throttle.ts";
import { serversOfChats } from "./private/private-chat.ts";
import { sayOn } from "./saying-on.ts";
import type { Refusal } from "./refusal.ts";
import { ShareBudgets } from "./rates/rate-budget.ts";
import type { ParleyError } from "../errors.ts";
import type { Sharer } from "./sharing/sharing-port.ts";
import { Session, type SessionBudgets } from "./session.ts";
import { sharerOfToken } from "./sharing/token-sharer.ts";
import { sessionFields } from "./session-log.ts";
import { refusedText } from "./turn/refused-numbers.ts";
import { StoreClient } from "./turn/store-client.ts";
import type { SessionUpdate, StoreReply, StoreRequest } from "./turn/store.ts";
import { Timers } from "./timers.ts";
import type { Departure } from "./turn/turn-batch.ts";

export type { HubOptions } from "./hub-state.ts";

/** Minimum interval between warnings about the store. */
const storeWarningMs = 60_000;

export class Hub {
  /** `private` and not `#`: tests look into it. */
  private readonly state: HubState;
  private readonly budgets: ShareBudgets;
  readonly #timers: Timers;
  /** A single object shared by all sessions. */
  readonly #sessionBudgets: SessionBudgets = {
    enter: (owner) => this.budgets.enter(owner, this.state.nowMs),
    leave: (owner) => this.budgets.leave(owner),
  };
  #nextId = 1;
  #nextStoreWarningMs = -Infinity;
  #stopping: string | undefined;

  constructor(readonly options: HubOptions) {
    this.budgets = new ShareBudgets(options.rates);
    const store = new StoreClient();
    const pipeline = new CommitPipeline({
      store,
      recordOf: (session, departure) => recordOf(session, this.state.nowMs, departure),
      entryOf: (folded) => directoryEntry(this.state, folded),
      settled: (batch, settlement) => deliverBatch(this.state, batch, settlement),
      // Something may have been announced to a room after the last member has left.
      delivered: ({ rooms }) => closeEmpty(this.state, rooms.keys()),
    });
    this.state = new HubState(options, store, pipeline);
    this.#timers = new Timers(this.state);
  }

  /** A client connected. The adapter sets `session.output.framed` once it knows. */
  handleConnect(link: Link, dialect: Dialect, peer: Peer, nowMs: number): Session {
    const hub = this.state;
    hub.begin(nowMs);
    if (dialect.showsPersonas === true) hub.personas.want();
    const id = this.#nextId++;
    const budgets = this.#sessionBudgets;
    const session = new Session(id, link, dialect, peer, nowMs, hub.backlog, budgets);
    hub.sessions.add(session);
    count(this.options.metrics.connections, dialect.name);
    count(this.options.metrics.connectionsOpened, dialect.name);
    if (this.#refuses(session)) return session;
    const line = dialect.terminal?.connected?.(peer, hub.stampMs);
    if (line !== undefined) this.options.print(line);
    this.state.log.info("connected", sessionFields(session));
    for (const text of session.conversation.greeting()) session.output.push(text);
    if (session.output.pump(nowMs)) this.#watchGap(session);
    if (this.#stopping !== undefined) {
      hub.send(session, { type: "bye", reason: this.#stopping });
      endSession(hub, session, "stopped");
    }
    return session;
  }

  /** A session sent one complete message. */
  handleMessage(session: Session, message: string, nowMs: number): void {
    const hub = this.state;
    const last = hub.continuable;
    hub.begin(nowMs);
    session.liveness.heard(nowMs);
    if (session.hasEnded) return;
    if (session.output.answerChars >= output.maxAnswerChars) deliverAnswersOf(hub, session);
    // These answers can't be delivered before the welcome.
    const isFlood = session.awaitsWelcome && session.output.answerChars >= output.maxLagBytes;
    if (isFlood) return endFlood(hub, session);
    const received = session.conversation.receive(message, nowMs);
    if (received === undefined) return void chargeIgnored(hub, session, message.length);
    if (
      received.type === "say" &&
      last?.session === session &&
      sayOn(hub, received, message.length, last)
    ) {
      hub.continuable = last;
      return;
    }
    if (received.type !== "sequence") {
      handleCommand(hub, session, received, message.length);
      hub.continuable = hub.lastSaid;
      return;
    }
    for (const [i, command] of received.commands.entries()) {
      handleCommand(hub, session, command, i === 0 ? message.length : 0);
    }
  }

  /**
   * Input without a message, such as a WebSocket ping. It does not prove that the client is well.
   * False once there was too much of it.
   */
  handleEmptyInput(session: Session, nowMs: number): boolean {
    this.state.begin(nowMs);
    return session.phase === "gone" || chargeIgnored(this.state, session, 0);
  }

  /**
   * A message exceeded the length limit: it is answered regardless of the rate, and the connection
   * is closed.
   */
  handleOverflow(session: Session, nowMs: number): void {
    this.state.begin(nowMs);
    if (session.hasEnded) return;
    const message = `The message is longer than ${messageLimits.maxLineBytes} bytes`;
    const own = session.conversation.overflow?.();
    const command = own ?? { type: "invalid" as const, code: "text-invalid" as const, message };
    execute(this.state, session, command);
    endSession(this.state, session, "invalid");
  }

  /** The link accepts more output. */
  handleDrain(session: Session, nowMs: number): void {
    const hub = this.state;
    hub.begin(nowMs);
    session.output.outbox.drained();
    if (session.output.pump(nowMs)) this.#watchGap(session);
    const { replaying, ending } = hub.schedule;
    if (replaying.has(session) || ending.has(session)) hub.wake();
    if (hub.offers.waiting.size > 0) hub.wake();
  }

  /**
   * The client shut down its write side (FIN). Its pending requests are answered, then it leaves
   * its rooms; the connection closes a moment later to let late answers through. Dialects that keep
   * listening after FIN stay.
   */
  handleInputEnd(session: Session, nowMs: number): void {
    this.state.begin(nowMs);
    session.liveness.inputEnded(nowMs);
    if (session.staysAfterEnd) return;
    this.state.schedule.halfClosed.add(session);
    this.state.wake();
  }

  /**
   * The connection has closed, and everything received has been handled. Whether some of it has yet
   * to run: the session then ends its link once it has.
   */
  handleLastInput(session: Session, nowMs: number): boolean {
    const { queue } = session;
    if (!queue.isBlocked && queue.length === 0) return false;
    session.isCut = true;
    this.handleInputEnd(session, nowMs);
    // Its output goes nowhere now, and must not hold it up.
    this.handleDrain(session, nowMs);
    return true;
  }

  /** The connection has closed. `quit`: the client closed it in an orderly way. */
  handleClose(session: Session, reason: LeaveReason, nowMs: number): void {
    const hub = this.state;
    hub.begin(nowMs);
    if (session.phase === "gone") return;
    const { phase } = session;
    if (phase !== "member" && phase !== "ending") logNameless(hub, session, reason);
    partAll(hub, session, reason === "quit" ? reasonForEnd(session) : reason);
    session.enter("gone");
    session.output.clear();
    session.queue.clear();
    hub.schedule.forget(session);
    hub.watches.clear(session);
    hub.sessions.delete(session);
    hub.revokeAccess(session);
    this.options.files.closed(session.id);
    this.options.sharing?.closed(session.id);
    leaveCodes(hub, session);
    leaveCalls(hub, session);
    count(this.options.metrics.connections, session.dialect.name, -1);
  }

  /**
   * Ends a turn of the event loop: gathered work goes to the store. Call `pollStore` next, then
   * `finishTurn`. `isBusy`: keep gathering unless somebody has sent a message. Returns whether
   * gathering continues; another `endTurn` must then follow.
   */
  endTurn(nowMs: number, isBusy = false): boolean {
    this.state.begin(nowMs);
    this.state.clearWake();
    this.state.longReads.served.clear();
    this.#releaseUnblocked();
    const { pipeline } = this.state;
    if (isBusy && !pipeline.gathering.isEmpty && pipeline.gathering.mayWait) return true;
    pipeline.close();
    return false;
  }

  /** Call after `endTurn` and `pollStore`: sends what must not wait for a slow store. */
  finishTurn(nowMs: number): void {
    this.state.begin(nowMs);
    this.#timers.handleTurnEnd();
  }

  /** Runs due timers; call it no later than `nextTimeoutMs`. */
  handleTimeout(nowMs: number): void {
    this.state.begin(nowMs);
    this.#timers.handleTimeout();
  }

  /** The time by which `handleTimeout` must be called. */
  get nextTimeoutMs(): number {
    return this.#timers.nextMs;
  }

  /** The next store request, if any. Poll after every other call. */
  pollStore(nowMs: number): StoreRequest | undefined {
    return this.state.store.poll(nowMs);
  }

  /** Whether `pollStore` has a request ready. */
  get hasRequest(): boolean {
    return this.state.store.hasRequest;
  }

  /** The outcome of a request from `pollStore`. */
  handleStore(reply: StoreReply, nowMs: number): void {
    const hub = this.state;
    hub.begin(nowMs);
    if (reply.outcome === "unknown") this.#warnOfStore(nowMs);
    hub.store.handle(reply, nowMs);
    hub.names.forgetDepartures();
    this.#releaseUnblocked();
  }

  /**
   * The store is asked again until the outcome of a request is known, so the warning is repeated.
   */
  #warnOfStore(nowMs: number): void {
    if (nowMs < this.#nextStoreWarningMs) return;
    this.#nextStoreWarningMs = nowMs + storeWarningMs;
    this.state.log.warn(
      "the store does not say whether it has carried out a request: messages wait, and it is asked again",
    );
  }

  /**
   * True if the network is banned, or the server requires a login that the dialect lacks; the
   * client is told so and nothing else.
   */
  #refuses(session: Session): boolean {
    const hub = this.state;
    const { door } = this.options;
    const ban = banOf(hub, suspectOf(session));
    if (ban === undefined && (session.dialect.hasLogin !== false || isOpen(door))) return false;
    const refusal =
      ban === undefined ? closedText(door) : ({ code: "banned", message: banText(ban) } as const);
    count(this.options.metrics.connectionsRefused, refusal.code);
    hub.send(session, { type: "error", ...refusal });
    endSession(hub, session, ban === undefined ? "refused" : "banned");
    return true;
  }

  /**
   * Runs commands whose predecessor has been answered. Of those that take long, each owner gets one
   * per turn: all of its sessions together could have queued hundreds.
   */
  #releaseUnblocked(): void {
    const { unblocked } = this.state.schedule;
    const postponed: Session[] = [];
    for (const session of unblocked) {
      unblocked.delete(session);
      const isDone = releaseCommands(this.state, session, () => this.#mayTakeLong(session));
      if (!isDone) postponed.push(session);
    }
    for (const session of postponed) unblocked.add(session);
    if (postponed.length > 0) this.state.wake();
  }

  #mayTakeLong(session: Session): boolean {
    const payer = payerOf(session);
    return payer === undefined || !this.state.longReads.served.has(payer);
  }

  /** Another server has done something that concerns people here. */
  handleForeign(event: ForeignEvent, nowMs: number): void {
    this.state.begin(nowMs);
    handleForeign(this.state, event);
  }

  /** How far the hub knows a room; undefined if the room is not open. */
  positionIn(room: string): RoomPosition | undefined {
    return positionIn(this.state, room);
  }

  /** Folded names that somebody here watches, or for whose owners files wait. */
  watchedNames(): readonly string[] {
    return [...this.state.watches.names(), ...awaitedNames(this.state)];
  }

  /** Servers of people with whom somebody here has a private chat or an invitation. */
  watchedServers(): readonly string[] {
    return serversOfChats(this.state);
  }

  /** The names of open rooms. */
  openRooms(): readonly string[] {
    return [...this.state.rooms.keys()];
  }

  /** Mailboxes of members, with the last known number. */
  openMailboxes(): readonly (readonly [mailbox: string, mail: number])[] {
    const members = [...this.state.names.members()];
    return members.flatMap(({ identity, mailbox }) =>
      identity.mailbox === "" ? [] : [[identity.mailbox, mailbox.last] as const],
    );
  }

  /** An operator command; answered immediately or once it is stored. */
  handleAdmin(
    actor: Actor,
    line: string,
    nowMs: number,
    answer: (answer: AdminAnswer) => void,
  ): void {
    this.state.begin(nowMs);
    runAdmin(this.state, actor, line, answer);
  }

  /** Why a network, or somebody from there under a name, is banned; undefined if neither is. */
  banFor(address: string, nowMs: number, name?: string): string | undefined {
    this.state.begin(nowMs);
    const names = name === undefined ? [] : [fold(name)];
    const ban = banOf(this.state, { address, names, keys: [], accounts: [] });
    return ban === undefined ? undefined : banText(ban);
  }

  /** Whether this server has an owner. */
  get hasOwner(): boolean {
    return this.state.rights.roles.hasOwner;
  }

  /** Why services without a login are closed; undefined if they are open. */
  get closed(): Refusal | undefined {
    const { door } = this.options;
    return isOpen(door) ? undefined : closedText(door);
  }

  /** Whose access token this is, for sharing files; or why it is refused. */
  sharerOf(
    accessToken: string,
    address: string,
    nowMs: number,
    then: (sharer: Sharer | ParleyError) => void,
  ): void {
    this.state.begin(nowMs);
    sharerOfToken(this.state, accessToken, address, then);
  }

  /** Whether an HTTP request with this token, if any, may access the shared folder. */
  hasAccess(token: string | undefined): boolean {
    return this.state.hasAccess(token);
  }

  /** Shuts down: tells everybody why and ends all connections, including new ones. */
  stop(reason: string, nowMs: number): void {
    this.state.begin(nowMs);
    this.#stopping = reason;
    stopAll(this.state, reason);
  }

  /** Ends a session that the adapter can't continue, as if its connection had been lost. */
  drop(session: Session, reason: string, nowMs: number): void {
    this.state.begin(nowMs);
    dropAsLost(this.state, session, reason);
  }

  /** Open connections, with or without a name. */
  get sessionCount(): number {
    return this.state.sessions.size;
  }

  /** Whether everything that happened is settled. */
  get isSettled(): boolean {
    return this.state.pipeline.isSettled && this.state.store.size === 0;
  }

  /** Whether the room has members. */
  isRoomInUse(room: string): boolean {
    return this.state.rooms.has(room);
  }

  /** Updates gauges that are not maintained by events. */
  refreshMetrics(): void {
    const { metrics } = this.options;
    let inPrivate = 0;
    for (const { privateChat } of this.state.names.members()) {
      if (privateChat.partner !== undefined) inPrivate++;
    }
    metrics.privateChats = inPrivate / 2;
    metrics.members = this.state.names.size;
    metrics.rooms = this.state.rooms.size;
  }

  #watchGap(session: Session): void {
    // The adapter rereads `nextTimeoutMs` at the end of a turn.
    if (this.state.schedule.gaps.size === 0) this.state.wake();
    this.state.schedule.gaps.add(session);
  }
}

/** A session's record in its current state, or in its state at departure. */
function recordOf(session: Session, nowMs: number, departure?: Departure): SessionUpdate {
  const { identity, counter, peer } = session;
  return {
    id: identity.recordId,
    name: departure?.name ?? identity.folded,
    n: counter.taken,
    before: counter.settled,
    refused: refusedText(counter.refusals),
    claim: session.claim,
    network: networkOf(peer.address),
    seenMs: departure?.seenMs ?? nowMs,
    isHere: departure === undefined,
  };
}
