// The hub: all sessions, rooms and names behind one pure machine. Commands change state and gather a batch; `endTurn` gives it to
// the store, and what comes of that (`handleStore`) is what anybody hears. Knows no dialect, socket, store or clock: the adapter
// calls `handle…` with the time, carries out `pollStore`, and calls `endTurn` and `handleTimeout` when it is asked to.

import { networkOf } from "../addresses.ts";
import { message as messageLimits, output } from "../limits.ts";
import { CommitPipeline } from "./commit-pipeline.ts";
import { execute } from "./commands.ts";
import { deliverAnswersOf, deliverBatch, deliverForeign } from "./delivery.ts";
import type { Dialect, Peer } from "./dialect.ts";
import { end, lose, partAll, reasonOfEnd, stopAll } from "./disconnect.ts";
import type { LeaveReason } from "./events.ts";
import { Backlog } from "./fan-out/outbox.ts";
import { type HubOptions, HubState } from "./hub-state.ts";
import type { Link } from "./link.ts";
import { LoginRates } from "./login-rates.ts";
import { count } from "./metrics.ts";
import { NameRegistry } from "./names/registry.ts";
import { handleCommand, releaseCommands } from "./pacing.ts";
import { NetworkBudgets } from "./rate-budget.ts";
import { Schedule } from "./schedule.ts";
import { Session } from "./session.ts";
import { sessionFields } from "./session-log.ts";
import type { SaidRun } from "./said-run.ts";
import { StoreClient } from "./store-client.ts";
import type { SessionUpdate, StoreReply, StoreRequest } from "./store.ts";
import { Timers } from "./timers.ts";
import type { Departure } from "./turn-batch.ts";

export type { HubOptions } from "./hub-state.ts";

export class Hub {
  readonly #chat: HubState;
  readonly #timers: Timers;
  readonly #budgets: NetworkBudgets;
  #nextId = 1;
  #stopping: string | undefined;

  constructor(readonly options: HubOptions) {
    this.#budgets = new NetworkBudgets(options.rates);
    const store = new StoreClient();
    const pipeline = new CommitPipeline({
      store,
      recordOf: (session, departure) => recordOf(session, this.#chat.nowMs, departure),
      settled: (batch, settlement) => deliverBatch(this.#chat, batch, settlement),
    });
    this.#chat = new HubState(
      options,
      new NameRegistry(),
      store,
      pipeline,
      new Schedule(),
      new LoginRates(),
      new Backlog(),
    );
    this.#timers = new Timers(this.#chat);
  }

  /** A connection has come. The adapter sets `session.output.framed` once it knows. */
  handleConnect(link: Link, dialect: Dialect, peer: Peer, nowMs: number): Session {
    const chat = this.#chat;
    chat.nowMs = nowMs;
    const conversation = dialect.open(peer);
    const id = this.#nextId++;
    const budgets = this.#budgets.of(peer.address, nowMs);
    const made = [id, link, dialect, conversation, peer, nowMs, chat.backlog, budgets] as const;
    const session = new Session(...made);
    chat.sessions.add(session);
    count(this.options.metrics.connections, dialect.name);
    count(this.options.metrics.connectionsOpened, dialect.name);
    const line = dialect.terminal?.connected?.(peer, chat.stampMs);
    if (line !== undefined) this.options.print(line);
    this.options.log.info("connected", sessionFields(session));
    for (const text of conversation.greeting()) session.output.push(text);
    if (session.output.pump(nowMs)) this.#watchGap(session);
    if (this.#stopping !== undefined) {
      chat.tell(session, { type: "bye", reason: this.#stopping });
      end(chat, session);
    }
    return session;
  }

  /** One whole message of a session. */
  handleMessage(session: Session, message: string, nowMs: number): void {
    const chat = this.#chat;
    chat.nowMs = nowMs;
    session.liveness.heardMs = nowMs;
    session.liveness.pingedMs = 0;
    if (session.phase === "ending" || session.phase === "gone") return;
    if (session.output.answerChars >= output.maxAnswerChars) deliverAnswersOf(chat, session);
    const command = session.conversation.receive(message);
    if (command !== undefined) handleCommand(chat, session, command, message.length);
  }

  /** A message that is too long: the sender is told, whatever its rate, and its connection ends. */
  handleOverflow(session: Session, nowMs: number): void {
    this.#chat.nowMs = nowMs;
    if (session.phase === "ending" || session.phase === "gone") return;
    const message = `A message has at most ${messageLimits.maxLineBytes} bytes: this one is longer`;
    const own = session.conversation.overflow?.();
    const command = own ?? { type: "invalid" as const, code: "text-invalid" as const, message };
    execute(this.#chat, session, command);
    end(this.#chat, session);
  }

  /** The link can take more. */
  handleDrain(session: Session, nowMs: number): void {
    const chat = this.#chat;
    chat.nowMs = nowMs;
    session.output.outbox.drained();
    if (session.output.pump(nowMs)) this.#watchGap(session);
    const { replaying, ending } = chat.schedule;
    if (replaying.has(session) || ending.has(session)) chat.wake();
  }

  /**
   * The other side sends no more (FIN). What it has asked is answered; then it leaves, at once if the room is to know, and
   * its connection ends a moment later, when late answers have come. A listener by nature stays.
   */
  handleInputEnd(session: Session, nowMs: number): void {
    this.#chat.nowMs = nowMs;
    if (session.dialect.hearsAfterEnd === true && session.phase === "member") return;
    session.liveness.endedMs = nowMs;
    this.#chat.schedule.leaving.add(session);
    this.#chat.wake();
  }

  /** The connection is gone, by the other side's will (`quit`) or not. */
  handleClose(session: Session, reason: LeaveReason, nowMs: number): void {
    const chat = this.#chat;
    chat.nowMs = nowMs;
    if (session.phase === "gone") return;
    const { phase } = session;
    if (phase !== "member" && phase !== "ending") {
      this.options.log.info("disconnected", sessionFields(session));
    }
    partAll(chat, session, reason === "quit" ? reasonOfEnd(session) : reason);
    session.phase = "gone";
    session.output.clear();
    session.queue.clear();
    chat.schedule.forget(session);
    chat.sessions.delete(session);
    this.options.files.closed(session.id);
    count(this.options.metrics.connections, session.dialect.name, -1);
  }

  /** The end of a turn of the event loop: what was gathered goes to the store. Then `pollStore`, then `finishTurn`. */
  endTurn(nowMs: number): void {
    this.#chat.nowMs = nowMs;
    this.#chat.rest();
    this.#chat.pipeline.close();
  }

  /** After `endTurn`, when a store that answers at once has answered: what can't wait for one that does not is sent. */
  finishTurn(nowMs: number): void {
    this.#chat.nowMs = nowMs;
    this.#timers.handleTurnEnd();
  }

  /** What is due by time: call it by `nextTimeout` at the latest. */
  handleTimeout(nowMs: number): void {
    this.#chat.nowMs = nowMs;
    this.#timers.handleTimeout();
  }

  /** Unix milliseconds by which `handleTimeout` wants to be called. */
  get nextTimeout(): number {
    return this.#timers.nextMs;
  }

  /** The next request for the store, if there is one. To be asked for after every call of another method. */
  pollStore(nowMs: number): StoreRequest | undefined {
    return this.#chat.store.poll(nowMs);
  }

  /** Whether `pollStore` has a request now. */
  get hasRequest(): boolean {
    return this.#chat.store.hasRequest;
  }

  /** What came of a request of `pollStore`. */
  handleStore(reply: StoreReply, nowMs: number): void {
    const chat = this.#chat;
    chat.nowMs = nowMs;
    chat.store.handle(reply, nowMs);
    for (const session of chat.schedule.unblocked) {
      chat.schedule.unblocked.delete(session);
      releaseCommands(chat, session);
    }
  }

  /**
   * Another server has put messages into the log of a room: who is in it here hears them. Runs follow each other, and the number
   * that this hub knows; those that it knows already are passed over.
   */
  handleCommitted(room: string, runs: readonly SaidRun[], nowMs: number): void {
    this.#chat.nowMs = nowMs;
    const open = this.#chat.rooms.get(room);
    if (open !== undefined) deliverForeign(this.#chat, open, runs);
  }

  /** Tells everybody that the server stops, and ends every connection, those too that still come. */
  stop(reason: string, nowMs: number): void {
    this.#chat.nowMs = nowMs;
    this.#stopping = reason;
    stopAll(this.#chat, reason);
  }

  /** An adapter can't go on with this session: it leaves as if its connection were lost. */
  drop(session: Session, reason: string, nowMs: number): void {
    this.#chat.nowMs = nowMs;
    lose(this.#chat, session, reason);
  }

  /** Connections, whether they have a name or not. */
  get sessionCount(): number {
    return this.#chat.sessions.size;
  }

  /** Whether the store has settled everything that has happened. */
  get isSettled(): boolean {
    return this.#chat.pipeline.isSettled && this.#chat.store.size === 0;
  }

  /** Names of everybody who is here. */
  memberNames(): string[] {
    return Array.from(this.#chat.names.members(), ({ name }) => name);
  }

  /** Whether anybody is in a room. */
  isRoomInUse(room: string): boolean {
    return this.#chat.rooms.has(room);
  }

  /** Brings the gauges up to date that nobody counts as things happen. */
  refreshMetrics(): void {
    const { metrics } = this.options;
    let inPrivate = 0;
    for (const { privateChat } of this.#chat.names.members()) {
      if (privateChat.partner !== undefined) inPrivate++;
    }
    metrics.privateChats = inPrivate / 2;
    metrics.members = this.#chat.names.size;
    metrics.rooms = this.#chat.rooms.size;
  }

  /** How much is kept of anybody, by what it is: all 0 when nobody is here. For tests of leaks. */
  get kept(): Record<string, number> {
    const { sessions, rooms, awaitedRooms, names, schedule } = this.#chat;
    const { store, pipeline, backlog } = this.#chat;
    return {
      sessions: sessions.size,
      rooms: rooms.size + awaitedRooms.size,
      names: names.keptEntries,
      schedule: schedule.size,
      requests: store.size,
      batches: pipeline.isSettled ? 0 : 1,
      backlogBytes: backlog.bytes,
    };
  }

  #watchGap(session: Session): void {
    // The adapter learns of a new deadline at the end of a turn.
    if (this.#chat.schedule.gaps.size === 0) this.#chat.wake();
    this.#chat.schedule.gaps.add(session);
  }
}

/** A session's record as it is now, or as it was when it left. */
function recordOf(session: Session, nowMs: number, departure?: Departure): SessionUpdate {
  const { identity, counter, peer } = session;
  return {
    id: identity.recordId,
    name: departure?.name ?? identity.folded,
    n: counter.taken,
    network: networkOf(peer.address),
    seenMs: departure?.seenMs ?? nowMs,
  };
}
