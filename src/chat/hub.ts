// The hub: all sessions, rooms and names. During a turn of the event loop commands only change state and queue events; `flush`
// ends the turn (turn.ts). Knows no dialect, no socket and no clock: time comes with every call, and the adapter is asked to
// call `flush` and `tick`.

import type { Dialect, Peer } from "./dialect.ts";
import { history as historyLimits, message as messageLimits, output } from "../limits.ts";
import { Aliases } from "./names/aliases.ts";
import { AwayNetworks } from "./names/recent-networks.ts";
import { execute } from "./commands.ts";
import { Due, reasonOfEnd } from "./timers.ts";
import type { ChatState, Command, LeaveReason, PersonalEvent, RoomEvent } from "./events.ts";
import { dropSlow, dropSlowest, stop } from "./disconnect.ts";
import type { FileDesk } from "./file-service.ts";
import type { History, SessionRecord } from "./history.ts";
import { identityOf, KnownNames } from "./names/partner-names.ts";
import type { Link } from "./link.ts";
import { LoginRates } from "./login-rates.ts";
import { type Metrics, count } from "./metrics.ts";
import { fold } from "./names/grammar.ts";
import { Backlog } from "./fan-out/outbox.ts";
import { dissolve } from "./private-chat.ts";
import { followsRefusal } from "./rejections.ts";
import { Room } from "./room.ts";
import { pacedCommand, type Rates } from "./sender-limits.ts";
import { Session } from "./session.ts";
import { recordOf, Turn } from "./commit-batch.ts";

export type HubOptions = {
  history: History;
  metrics: Metrics;
  /** Messages and bytes a second that one sender may keep up; undefined for no limit. */
  rates: Rates | undefined;
  files: FileDesk;
  /** Called when there is something to flush: once, until `flush` has been called. */
  wake: () => void;
  /** A line that a system's own server prints, harmless already. */
  log: (line: string) => void;
  /** A line for whoever runs the server: something is wrong. */
  warn: (line: string) => void;
  /** Key under which a session's record is kept; not to be turned back into the secret. */
  hashSecret: (secret: string) => string;
  /** A fresh secret: 128 bits of chance or more, as text. */
  newSecret: () => string;
};

export class Hub {
  readonly rooms = new Map<string, Room>();
  /** Every member by folded name: names are one space. */
  readonly members = new Map<string, Session>();
  readonly sessions = new Set<Session>();
  /** The live session of each record. */
  readonly records = new Map<string, Session>();
  readonly aliases = new Aliases();
  readonly awayNetworks = new AwayNetworks();
  readonly loginRates = new LoginRates();
  readonly backlog = new Backlog();
  readonly turn = new Turn(this);
  readonly due = new Due(this);
  nowMs = 0;
  #nextId = 1;
  #stopping: string | undefined;

  constructor(readonly options: HubOptions) {
    options.history.isInUse = (room) => this.rooms.has(room);
  }

  /** A connection has come. The adapter sets `session.framed` once it knows, and calls `receive`, `drained` and `closed`. */
  connect(link: Link, dialect: Dialect, peer: Peer, nowMs: number): Session {
    this.nowMs = nowMs;
    const conversation = dialect.open(peer);
    const id = this.#nextId++;
    const session = new Session(id, link, dialect, conversation, peer, nowMs, this.backlog);
    this.sessions.add(session);
    count(this.options.metrics.connections, dialect.name);
    count(this.options.metrics.connectionsOpened, dialect.name);
    const line = dialect.terminal?.connected?.(peer, nowMs);
    if (line !== undefined) this.options.log(line);
    for (const text of session.conversation.greeting()) session.pushSpaced(text);
    if (session.pumpSpaced(nowMs)) this.due.gap(session);
    if (this.#stopping !== undefined) {
      this.tell(session, { type: "bye", reason: this.#stopping });
      this.end(session);
    }
    return session;
  }

  /** One whole message of a session. */
  receive(session: Session, message: string, nowMs: number): void {
    this.nowMs = nowMs;
    session.heardMs = nowMs;
    session.pingedMs = 0;
    session.messageChars = message.length;
    if (session.phase === "ending" || session.phase === "gone") return;
    if (session.personalChars >= output.maxAnswerChars) this.flush(nowMs);
    const command = session.conversation.receive(message);
    if (command !== undefined) this.command(session, command);
  }

  /** A message that is too long: the sender is told, whatever its rate, and its connection ends. */
  overflow(session: Session, nowMs: number): void {
    this.nowMs = nowMs;
    if (session.phase === "ending" || session.phase === "gone") return;
    const message = `A message has at most ${messageLimits.maxLineBytes} bytes: this one is longer`;
    const own = session.conversation.overflow?.();
    const command = own ?? { type: "invalid" as const, code: "text-invalid" as const, message };
    execute(this, session, command);
    this.end(session);
  }

  /** A command of a session, within its rate: run now, kept for later, or refused. */
  command(session: Session, command: Command): void {
    if (session.refusedN !== 0 && followsRefusal(session, command)) return;
    const { rates } = this.options;
    if (rates === undefined || pacedCommand(this, session, command, rates)) {
      execute(this, session, command);
    }
  }

  /** The link can take more. */
  drained(session: Session, nowMs: number): void {
    this.nowMs = nowMs;
    session.outbox.drained();
    if (session.pumpSpaced(nowMs)) this.due.gap(session);
    if (session.replay !== undefined && !session.outbox.blocked) this.turn.wake();
    if (session.phase === "ending") this.due.finish(session);
  }

  /**
   * The other side sends no more (FIN). What it has asked is answered; then it leaves, at once if the room is to know, and
   * its connection ends a moment later, when late answers have come. A listener by nature stays.
   */
  inputEnded(session: Session, nowMs: number): void {
    this.nowMs = nowMs;
    if (session.dialect.hearsAfterEnd === true && session.phase === "member") return;
    this.due.leaving(session);
  }

  /** The connection is gone, by the other side's will (`quit`) or not. */
  closed(session: Session, reason: LeaveReason, nowMs: number): void {
    this.nowMs = nowMs;
    if (session.phase === "gone") return;
    this.part(session, reason === "quit" ? reasonOfEnd(session) : reason);
    session.phase = "gone";
    session.outbox.clear();
    session.dropSpaced();
    session.delayed = undefined;
    this.turn.forget(session);
    this.due.forget(session);
    this.sessions.delete(session);
    this.options.files.closed(session.id);
    count(this.options.metrics.connections, session.dialect.name, -1);
  }

  /** The end of a turn: see turn.ts. Then readers that lag too far are dropped, and what follows a turn happens. */
  flush(nowMs: number): void {
    this.nowMs = nowMs;
    const { slow, gaps } = this.turn.end();
    for (const session of gaps) this.due.gap(session);
    for (const session of slow) dropSlow(this, session);
    if (this.backlog.bytes > output.maxBacklogBytes) dropSlowest(this);
    this.due.afterTurn();
  }

  /** What is due by time: see due.ts. Call it by `nextTickMs` at the latest. */
  tick(nowMs: number): void {
    this.nowMs = nowMs;
    this.due.tick();
  }

  get nextTickMs(): number {
    return this.due.nextMs;
  }

  /** Tells everyone that the server stops, and ends every connection, those too that still come. */
  stop(reason: string, nowMs: number): void {
    this.nowMs = nowMs;
    this.#stopping = reason;
    stop(this, reason);
  }

  /** The member leaves its room, its private chat and its name; the connection stays. */
  part(session: Session, reason: LeaveReason): void {
    if (session.phase !== "member") return;
    const terminal = session.dialect.terminal?.gone?.(session.name);
    if (terminal !== undefined) this.options.log(terminal);
    dissolve(session, this.tellChat, reason === "lost" || reason === "slow" ? "lost" : "left");
    this.leaveRoom(session, reason);
    if (this.members.get(session.folded) === session) this.members.delete(session.folded);
    this.aliases.drop(session);
    if (session.recordId !== "") this.#partRecord(session, reason);
    session.phase = "visitor";
  }

  leaveRoom(session: Session, reason: LeaveReason): void {
    const { room, name, alias, id: author } = session;
    if (room === undefined) return;
    room.remove(session);
    session.leaveRoom();
    this.push(room, { type: "left", name, alias, reason, author });
  }

  /** Tells a room that somebody has entered it. */
  announce(session: Session): void {
    const { room, name, alias, id: author } = session;
    if (room === undefined) return;
    this.push(room, { type: "joined", name, alias, author });
    // One that comes back knows that it does.
    if (session.replay !== undefined) session.hearsFrom = room.pending.length;
  }

  /**
   * Ends the turn here if somebody enters a room, or goes on with a record, that the history does not know as they are: what was
   * said before is over then, in the log or not, and the numbers that the newcomer is told are good.
   */
  settleBefore(roomName: string, recordId: string): void {
    const unsettled = this.rooms.get(roomName)?.unsettled === true;
    if (unsettled || this.turn.changes(recordId)) this.flush(this.nowMs);
  }

  rename(session: Session, name: string, folded: string): void {
    const from = session.name;
    const room = session.room!;
    this.#rememberName(session.partner, session);
    room.remember(session, () => {
      this.members.delete(session.folded);
      session.name = name;
      session.folded = folded;
      this.members.set(folded, session);
    });
    this.aliases.yield(folded, session);
    this.turn.keepRecord(session);
    this.push(room, { type: "renamed", from, to: name, author: session.id });
    for (const other of [session.partner, session.asks, session.askedBy]) {
      if (other === undefined || other.room === room) continue;
      this.tell(other, { type: "renamed", from, to: name, chat: true });
    }
  }

  /** The counter of a message has been taken, whatever becomes of the message. */
  useUp(session: Session, n: number): void {
    session.n = n;
    session.lastSeq = undefined;
    // A copy of it was refused, while it waited itself.
    if (n === session.refusedN) session.refusedN = 0;
    this.turn.keepRecord(session);
  }

  /**
   * The room of that name, made if need be; undefined if there are too many.
   * @throws ParleyError `storage`
   */
  room(name: string): Room | undefined {
    const found = this.rooms.get(name);
    if (found !== undefined) return found;
    if (this.rooms.size >= historyLimits.maxRooms) return undefined;
    const room = new Room(name, this.options.history.lastSeq(name));
    this.rooms.set(name, room);
    // It is forgotten at the end of the turn if nobody enters it after all.
    this.turn.stir(room);
    return room;
  }

  /** The last member has left: a room without anything pending is made again from the history when needed. */
  forget(room: Room): void {
    this.due.forgetRoom(room);
    if (room.pending.length === 0) this.rooms.delete(room.name);
  }

  /** Queues an event for a room. */
  push(room: Room, event: RoomEvent): void {
    room.push(event);
    this.turn.stir(room);
  }

  /** The record of someone who is away for a moment and whose mail is kept, this turn's changes included. @throws ParleyError `storage` */
  awayRecord(folded: string): SessionRecord | undefined {
    const since = this.nowMs - historyLimits.mailHoldMs;
    const record = this.options.history.sessionNamed(folded, since);
    if (record === undefined || this.records.has(record.id)) return undefined;
    const latest = this.turn.away(record.id) ?? record;
    return latest.name === folded ? latest : undefined;
  }

  /** Tells one member something, in its place among the room's events. */
  tell(session: Session, event: PersonalEvent, onCommit = false): void {
    if (session.isOver) return;
    session.tell(event, session.room?.pending.length ?? 0, onCommit);
    this.turn.touch(session);
  }

  readonly tellChat = (session: Session, state: ChatState, withName: string): void => {
    if (state === "left" || state === "lost") {
      this.#rememberName(session, this.members.get(fold(withName)));
    }
    this.tell(session, { type: "chat", state, with: withName });
  };

  /** A dialect's own answer. */
  answer(session: Session, text: string): void {
    session.insert({ at: session.room?.pending.length ?? 0, text, onCommit: false });
    this.turn.touch(session);
  }

  /** Ends a connection after everything that was queued for it has left. */
  end(session: Session): void {
    if (session.phase === "ending" || session.phase === "gone") return;
    this.part(session, "quit");
    session.phase = "ending";
    session.endAfterFlush = true;
    this.turn.touch(session);
  }

  /** What `member` still writes to `other` by its name of this moment is for nobody else. */
  #rememberName(member: Session | undefined, other: Session | undefined): void {
    if (member === undefined || other === undefined) return;
    member.knownNames ??= new KnownNames();
    member.knownNames.remember(other.folded, identityOf(other), this.nowMs);
  }

  #partRecord(session: Session, reason: LeaveReason): void {
    if (this.records.get(session.recordId) === session) this.records.delete(session.recordId);
    if (reason === "replaced") return;
    const record = recordOf(session, this.nowMs);
    this.turn.keepAway(reason === "quit" ? { ...record, name: "" } : record);
    this.awayNetworks.note(record.id, session.peer.address);
    this.turn.dropRecord(session);
  }
}
