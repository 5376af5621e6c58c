// The hub: all sessions, rooms and names, and the end of each turn. During a turn of the event loop commands only change state
// and queue events; `flush` puts what was said into the history, and only then lets everybody hear it. Knows no dialect, no
// socket and no clock: time comes with every call, and the adapter is asked to call `flush` and `tick`.

import type { Dialect, Peer } from "../dialects/dialect.ts";
import { ParleyError } from "../errors.ts";
import { connections as connectionLimits, history as historyLimits, output } from "../limits.ts";
import { execute } from "./commands.ts";
import type { Command, LeaveReason, PrivateMessage, Said } from "./events.ts";
import type { FileDesk } from "./file-desk.ts";
import type { History, SessionRecord } from "./history.ts";
import type { Link } from "./link.ts";
import { type Metrics, count } from "./metrics.ts";
import { dissolve } from "./private-chats.ts";
import { continueReplay } from "./replay.ts";
import { Room } from "./room.ts";
import { pacedCommand, releaseDelayed, type Rates } from "./sender-limits.ts";
import { Session } from "./session.ts";
import { deliverAlone } from "./voice.ts";

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
  nowMs = 0;

  #nextId = 1;
  #awake = false;
  /** This turn: rooms with events, sessions with output of their own, and what goes into the history. */
  #dirty = new Set<Room>();
  #touched = new Set<Session>();
  #said: Said[] = [];
  #mail: { session: string; message: PrivateMessage }[] = [];
  #changed = new Set<Session>();
  #away = new Map<string, SessionRecord>();
  /** Sessions that something is due for: a gap between messages, the past, a delayed message. */
  #spaced = new Set<Session>();
  #replaying = new Set<Session>();
  #delayed = new Set<Session>();
  #ending = new Set<Session>();
  #leaving = new Set<Session>();
  #rosterDue = new Set<Room>();
  #sweptMs = 0;

  constructor(readonly options: HubOptions) {}

  /** A connection has come. The adapter sets `session.framed` once it knows, and calls `receive`, `drained` and `closed`. */
  connect(link: Link, dialect: Dialect, peer: Peer, nowMs: number): Session {
    this.nowMs = nowMs;
    const session = new Session(this.#nextId++, link, dialect, dialect.open(peer), peer, nowMs);
    this.sessions.add(session);
    count(this.options.metrics.connections, dialect.name);
    count(this.options.metrics.connectionsOpened, dialect.name);
    const line = dialect.terminal?.connected?.(peer, nowMs);
    if (line !== undefined) this.options.log(line);
    for (const text of session.conversation.greeting()) session.pushSpaced(text);
    this.watchSpaced(session);
    if (session.pumpSpaced(nowMs)) this.#wake();
    return session;
  }

  /** One whole message of a session. */
  receive(session: Session, message: string, nowMs: number): void {
    this.nowMs = nowMs;
    session.heardMs = nowMs;
    session.pingedMs = 0;
    if (session.phase === "ending" || session.phase === "gone") return;
    const command = session.conversation.receive(message);
    if (command !== undefined) this.command(session, command);
  }

  /** A command of a session, within its rate: run now, kept for later, or refused. */
  command(session: Session, command: Command): void {
    const { rates } = this.options;
    if (rates === undefined || pacedCommand(this, session, command, rates)) {
      execute(this, session, command);
    }
  }

  /** The link can take more. */
  drained(session: Session, nowMs: number): void {
    this.nowMs = nowMs;
    session.outbox.drained();
    if (session.isSpaced) session.pumpSpaced(nowMs);
    if (session.replay !== undefined && !session.outbox.blocked) this.#wake();
    if (session.phase === "ending") this.#finish(session);
  }

  /**
   * The other side sends no more (FIN). What it has asked is answered; then it leaves, at once if the room is to know, and
   * its connection ends a moment later, when late answers have come. A listener by nature stays.
   */
  inputEnded(session: Session, nowMs: number): void {
    this.nowMs = nowMs;
    if (session.dialect.hearsAfterEnd === true && session.phase === "member") return;
    session.endedMs = nowMs;
    this.#leaving.add(session);
    this.#wake();
  }

  /** The connection is gone, by the other side's will (`quit`) or not. */
  closed(session: Session, reason: LeaveReason, nowMs: number): void {
    this.nowMs = nowMs;
    if (session.phase === "gone") return;
    this.part(session, reason);
    session.phase = "gone";
    session.outbox.clear();
    const sets = [this.#touched, this.#spaced, this.#replaying, this.#delayed, this.#ending];
    for (const set of [...sets, this.#leaving]) {
      set.delete(session);
    }
    this.sessions.delete(session);
    this.options.files.closed(session.id);
    count(this.options.metrics.connections, session.dialect.name, -1);
  }

  /** The member leaves its room, its private chat and its name; the connection stays. */
  part(session: Session, reason: LeaveReason): void {
    if (session.phase !== "member") return;
    const terminal = session.dialect.terminal?.gone?.(session.name);
    if (terminal !== undefined) this.options.log(terminal);
    dissolve(session, this.tellChat, reason === "lost" || reason === "slow" ? "lost" : "left");
    this.leaveRoom(session, reason);
    if (this.members.get(session.folded) === session) this.members.delete(session.folded);
    if (session.recordId !== "") this.#partRecord(session, reason);
    session.phase = "visitor";
  }

  leaveRoom(session: Session, reason: LeaveReason): void {
    const { room } = session;
    if (room === undefined) return;
    room.remove(session);
    session.room = undefined;
    session.replay = undefined;
    this.#replaying.delete(session);
    const { name, alias, id: author } = session;
    this.push(room, { type: "left", name, alias, reason, author });
  }

  /** Tells a room that somebody has entered it. */
  announce(session: Session): void {
    const { room, name, alias, id: author } = session;
    if (room !== undefined) this.push(room, { type: "joined", name, alias, author });
  }

  rename(session: Session, name: string, folded: string): void {
    const from = session.name;
    const room = session.room!;
    room.remember(session, () => {
      this.members.delete(session.folded);
      session.name = name;
      session.folded = folded;
      this.members.set(folded, session);
    });
    this.keepRecord(session);
    this.push(room, { type: "renamed", from, to: name, author: session.id });
  }

  /** The session's own new connection takes over. `silent`: the room hears nothing of it. */
  replace(before: Session, silent: boolean): void {
    const { room } = before;
    if (silent && room !== undefined) {
      dissolve(before, this.tellChat, "lost");
      room.remove(before);
      this.members.delete(before.folded);
      this.records.delete(before.recordId);
      before.room = undefined;
      before.replay = undefined;
      before.phase = "visitor";
    } else {
      this.part(before, "replaced");
    }
    this.tell(before, { type: "bye", reason: "You have connected again from elsewhere" });
    this.end(before);
  }

  /** The counter of a message has been taken, whatever becomes of the message. */
  useUp(session: Session, n: number): void {
    session.n = n;
    this.keepRecord(session);
  }

  /** A dialect's own answer. */
  answer(session: Session, text: string): void {
    session.insert({ at: session.room?.pending.length ?? 0, text, onCommit: false });
    this.touch(session);
  }

  /** The room of that name, made if need be; undefined if there are too many. */
  room(name: string): Room | undefined {
    const found = this.rooms.get(name);
    if (found !== undefined) return found;
    if (this.rooms.size >= historyLimits.maxRooms) return undefined;
    const room = new Room(name, this.options.history.lastSeq(name));
    this.rooms.set(name, room);
    return room;
  }

  /** Queues an event for a room. */
  push(room: Room, event: Parameters<Room["push"]>[0]): void {
    room.push(event);
    this.#dirty.add(room);
    this.#wake();
  }

  /** Queues what goes into the history with this turn. */
  keepSaid(said: Said): void {
    this.#said.push(said);
  }

  keepMail(session: string, message: PrivateMessage): void {
    this.#mail.push({ session, message });
    this.#wake();
  }

  /** The session's record is to be written with this turn. */
  keepRecord(session: Session): void {
    if (session.recordId === "") return;
    this.#changed.add(session);
    this.#wake();
  }

  /** The record of a member that is away gets a new state. */
  keepAway(record: SessionRecord): void {
    this.#away.set(record.id, record);
    this.#wake();
  }

  /** The latest state of an away record, this turn's changes included. */
  awayRecord(folded: string): SessionRecord | undefined {
    const since = this.nowMs - historyLimits.mailHoldMs;
    const record = this.options.history.sessionNamed(folded, since);
    if (record === undefined || this.records.has(record.id)) return undefined;
    return this.#away.get(record.id) ?? record;
  }

  /** Tells one member something in its place among the room's events. */
  tell(session: Session, event: Parameters<Session["tell"]>[0], onCommit = false): void {
    if (session.phase === "gone") return;
    session.tell(event, session.room?.pending.length ?? 0, onCommit);
    this.touch(session);
  }

  readonly tellChat = (
    session: Session,
    state: "asked" | "invited" | "started" | "rejected" | "busy" | "left" | "lost",
    withName: string,
  ): void => {
    this.tell(session, { type: "chat", state, with: withName });
  };

  /** The session has output of its own this turn. */
  touch(session: Session): void {
    this.#touched.add(session);
    this.#wake();
  }

  watchSpaced(session: Session): void {
    if (session.isSpaced) this.#spaced.add(session);
  }

  watchReplay(session: Session): void {
    this.#replaying.add(session);
    this.#wake();
  }

  watchDelayed(session: Session): void {
    this.#delayed.add(session);
  }

  /** Ends a connection after everything that was queued for it has left. */
  end(session: Session): void {
    if (session.phase === "ending" || session.phase === "gone") return;
    this.part(session, "quit");
    session.phase = "ending";
    session.endAfterFlush = true;
    this.touch(session);
  }

  /** Tells everyone that the server stops, and ends every connection. */
  stop(reason: string, nowMs: number): void {
    this.nowMs = nowMs;
    for (const session of this.sessions) {
      if (session.phase === "gone") continue;
      this.tell(session, { type: "bye", reason });
      session.phase = "ending";
      session.endAfterFlush = true;
    }
    this.flush(nowMs);
  }

  /** The end of a turn: the log first, then everybody hears, then connections that are over end. */
  flush(nowMs: number): void {
    this.nowMs = nowMs;
    this.#awake = false;
    this.#commit();
    this.#acknowledge();
    const slow: Session[] = [];
    for (const room of this.#dirty) {
      this.options.metrics.deliveries += room.flush(nowMs, slow);
      for (const voice of room.voices.values()) if (voice.rosterDue) this.#rosterDue.add(room);
      if (room.members.size === 0) this.#forget(room);
    }
    this.#dirty.clear();
    for (const session of this.#touched) this.#deliverAlone(session, slow);
    this.#touched.clear();
    for (const session of this.#spaced) session.pumpSpaced(nowMs);
    for (const session of slow) this.#dropSlow(session);
    for (const session of this.#leaving)
      if (session.delayed === undefined) this.part(session, "quit");
    for (const session of this.#replaying) {
      if (!session.outbox.blocked) continueReplay(this, session);
      if (session.replay === undefined) this.#replaying.delete(session);
    }
  }

  /** What is due by time: gaps, delayed messages, user lists, silence. Call it by `nextTickMs` at the latest. */
  tick(nowMs: number): void {
    this.nowMs = nowMs;
    for (const session of this.#spaced) {
      if (!session.pumpSpaced(nowMs) && !session.isSpaced) this.#spaced.delete(session);
      if (session.phase === "ending") this.#finish(session);
    }
    for (const session of this.#delayed) {
      if (releaseDelayed(this, session)) this.#delayed.delete(session);
    }
    for (const session of this.#leaving) this.#leave(session);
    for (const room of this.#rosterDue) this.#payRosters(room);
    if (nowMs - this.#sweptMs >= sweepMs) this.#sweep();
  }

  /** When `tick` wants to be called next. */
  get nextTickMs(): number {
    for (const session of this.#spaced) {
      if (session.waitsForGap) return this.nowMs + spacedTickMs;
    }
    if (this.#delayed.size > 0 || this.#leaving.size > 0) return this.nowMs + delayedTickMs;
    return this.nowMs + (this.#rosterDue.size > 0 ? rosterTickMs : sweepMs);
  }

  #wake(): void {
    if (this.#awake) return;
    this.#awake = true;
    this.options.wake();
  }

  #commit(): void {
    const sessions = Array.from(this.#changed, (session) => recordOf(session, this.nowMs));
    sessions.push(...this.#away.values());
    if (this.#said.length === 0 && this.#mail.length === 0 && sessions.length === 0) return;
    try {
      this.options.history.append({ said: this.#said, mail: this.#mail, sessions });
      this.options.metrics.roomMessages += this.#said.length;
      this.options.metrics.privateMessages += this.#mail.length;
      for (const session of this.#changed) {
        session.committedN = session.n;
        session.committedMail = session.mail;
      }
    } catch (error) {
      if (!(error instanceof ParleyError)) throw error;
      this.#withdraw(error);
    }
    this.#said = [];
    this.#mail = [];
    this.#away.clear();
  }

  /** The turn did not get into the log: nobody hears what was said in it, and everyone who spoke is told. */
  #withdraw(error: ParleyError): void {
    for (const room of this.#dirty) room.withdrawSaid();
    for (const session of this.#touched) {
      session.personal = session.personal?.filter((personal) => !personal.onCommit);
    }
    const told = new Set<number>();
    for (const said of this.#said) told.add(said.author);
    for (const session of this.#changed) told.add(session.id);
    for (const session of this.sessions) {
      if (!told.has(session.id)) continue;
      const { code, message } = error;
      const first = session.n > session.committedN ? session.committedN + 1 : undefined;
      if (first !== undefined) session.refusedN = first;
      session.n = session.committedN;
      session.mail = session.committedMail;
      this.tell(session, {
        type: "error",
        code,
        message,
        ...(first === undefined ? {} : { n: first, retryAfterMs: storageRetryMs }),
      });
    }
    this.options.warn(error.message);
    count(this.options.metrics.messagesRefused, error.code, this.#said.length);
  }

  #acknowledge(): void {
    for (const session of this.#changed) {
      if (session.phase !== "member" || session.committedN <= session.ackedN) continue;
      session.ackedN = session.committedN;
      session.tell({ type: "ack", n: session.ackedN, seq: session.lastSeq }, Infinity);
      this.#touched.add(session);
    }
    this.#changed.clear();
  }

  #deliverAlone(session: Session, slow: Session[]): void {
    if (session.personal !== undefined) deliverAlone(session);
    session.special = false;
    if (session.lagBytes > output.maxLagBytes) slow.push(session);
    if (session.endAfterFlush) {
      session.endAfterFlush = false;
      session.endingMs = this.nowMs;
      session.pumpSpaced(this.nowMs);
      this.#ending.add(session);
      this.#finish(session);
    }
  }

  /** Ends a connection whose output has all left. */
  #finish(session: Session): void {
    if (session.outbox.blocked || session.waitsForGap) return;
    if (this.#ending.delete(session)) session.link.end();
  }

  /** A reader that does not read: its backlog is given up at once, it is told in one line, and the connection ends. */
  #dropSlow(session: Session): void {
    if (session.phase === "ending" || session.phase === "gone") return;
    this.options.metrics.slowReadersDropped++;
    const lag = Math.round(session.lagBytes / 1024);
    const reason = `You read too slowly: ${lag} KiB were waiting; connect again to catch up`;
    this.part(session, "slow");
    const bye = session.conversation.render({ type: "bye", reason }) ?? [];
    const last = (typeof bye === "string" ? [bye] : bye)
      .map((text) => session.lineOf(text))
      .join("");
    session.dropSpaced();
    session.outbox.abandon(Buffer.from(last));
    session.phase = "ending";
    session.endingMs = this.nowMs;
    this.#ending.add(session);
    this.#finish(session);
  }

  /** Ends the connection of a session whose other side sends no more, once late answers have had their time. */
  #leave(session: Session): void {
    if (session.delayed !== undefined) return;
    if (this.nowMs - session.endedMs < connectionLimits.afterFinMs) return;
    this.#leaving.delete(session);
    this.end(session);
  }

  #payRosters(room: Room): void {
    let owed = false;
    for (const voice of room.voices.values()) {
      if (!voice.rosterDue) continue;
      if (voice.payRoster(room.names(), this.nowMs)) owed = true;
      else for (const session of voice.members) this.touch(session);
    }
    if (!owed) this.#rosterDue.delete(room);
  }

  #partRecord(session: Session, reason: LeaveReason): void {
    if (this.records.get(session.recordId) === session) this.records.delete(session.recordId);
    if (reason === "replaced") return;
    const record = recordOf(session, this.nowMs);
    this.keepAway(reason === "quit" ? { ...record, name: "" } : record);
    this.#changed.delete(session);
  }

  #forget(room: Room): void {
    this.#rosterDue.delete(room);
    if (room.pending.length === 0) this.rooms.delete(room.name);
  }

  /** Once a second: who has not said a name in time, who is silent, whose last bytes nobody takes. */
  #sweep(): void {
    this.#sweptMs = this.nowMs;
    const { metrics } = this.options;
    metrics.rooms = this.rooms.size;
    metrics.members = this.members.size;
    metrics.lagBytes = 0;
    metrics.lagMaxBytes = 0;
    for (const session of this.sessions) {
      const lag = session.lagBytes;
      metrics.lagBytes += lag;
      if (lag > metrics.lagMaxBytes) metrics.lagMaxBytes = lag;
      this.#sweepSession(session);
    }
  }

  #sweepSession(session: Session): void {
    const silentMs = this.nowMs - session.heardMs;
    if (session.phase === "ending") {
      if (this.nowMs - session.endingMs > connectionLimits.drainMs) session.link.abort();
    } else if (session.phase === "new") {
      if (session.dialect.stateless !== true && silentMs > connectionLimits.loginTimeoutMs) {
        const seconds = connectionLimits.loginTimeoutMs / 1000;
        this.tell(session, {
          type: "bye",
          reason: `No name came within ${seconds} s: connect again`,
        });
        this.end(session);
      }
    } else if (session.pingedMs > 0) {
      if (this.nowMs - session.pingedMs > connectionLimits.idleCloseMs) {
        session.link.abort();
        this.closed(session, "lost", this.nowMs);
      }
    } else if (silentMs > connectionLimits.idlePingMs) {
      const ping = session.conversation.render({ type: "ping" });
      if (ping === undefined) return;
      session.pingedMs = this.nowMs;
      this.tell(session, { type: "ping" });
    }
  }
}

/** How often `tick` looks: at gaps between messages, at senders over their rate, at owed lists, at silence. */
const spacedTickMs = 4;
const delayedTickMs = 10;
const rosterTickMs = 100;
const sweepMs = 1_000;
/** A client whose message the disk did not take tries again after this. */
const storageRetryMs = 1_000;

function recordOf(session: Session, nowMs: number): SessionRecord {
  const { recordId: id, folded: name, n, mail } = session;
  return { id, name, n, mail, seenMs: nowMs };
}
