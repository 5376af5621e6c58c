// One turn of the event loop: what was said and changed during it, and its end. First the log, then everybody hears it, then
// connections that are over end. If the log does not take it, nobody hears it and everyone who spoke is told.

import { ParleyError } from "../errors.ts";
import { sender } from "../limits.ts";
import type { PrivateMessage, Said } from "./events.ts";
import type { SessionRecord } from "./history.ts";
import type { Hub } from "./hub.ts";
import { count } from "./metrics.ts";
import { refuseFrom } from "./rejections.ts";
import type { Room } from "./room.ts";
import type { Session } from "./session.ts";
import { type Aftermath, deliverAlone } from "./fan-out/recipient-group.ts";

export class Turn {
  readonly #hub: Hub;
  /** Whether the adapter has been asked for a flush. */
  #awake = false;
  readonly #rooms = new Set<Room>();
  readonly #touched = new Set<Session>();
  readonly #records = new Set<Session>();
  readonly #away = new Map<string, SessionRecord>();
  /** Who has said something to chosen people. */
  readonly #senders = new Set<Session>();
  #said: Said[] = [];
  #mail: { session: string; message: PrivateMessage }[] = [];

  constructor(hub: Hub) {
    this.#hub = hub;
  }

  /** Something has happened: the turn needs its end. */
  wake(): void {
    if (this.#awake) return;
    this.#awake = true;
    this.#hub.options.wake();
  }

  /** The room has events to hear. */
  stir(room: Room): void {
    this.#rooms.add(room);
    this.wake();
  }

  /** The session has output of its own. */
  touch(session: Session): void {
    this.#touched.add(session);
    this.wake();
  }

  keepSaid(said: Said): void {
    this.#said.push(said);
  }

  keepMail(session: string, message: PrivateMessage): void {
    this.#mail.push({ session, message });
    this.wake();
  }

  /** The session has said something to chosen people, who hear it only if the turn gets into the log. */
  keepSender(session: Session): void {
    this.#senders.add(session);
  }

  /** The session's record is to be written. */
  keepRecord(session: Session): void {
    if (session.recordId === "") return;
    session.recordMs = this.#hub.nowMs;
    this.#records.add(session);
    this.wake();
  }

  /** The record of a session that is away is to be written. */
  keepAway(record: SessionRecord): void {
    this.#away.set(record.id, record);
    this.wake();
  }

  /** Whether this turn has changed the record of that key: the history does not know it as it is. */
  changes(id: string): boolean {
    const live = this.#hub.records.get(id);
    if (live === undefined) return this.#away.has(id);
    return live.n !== live.committedN || live.mail !== live.committedMail;
  }

  /** What this turn has made of an away record so far. */
  away(id: string): SessionRecord | undefined {
    return this.#away.get(id);
  }

  /** The session is away from now on: its record is that of `keepAway`. */
  dropRecord(session: Session): void {
    this.#records.delete(session);
  }

  /** The session's connection is gone: there is nobody to tell anything. */
  forget(session: Session): void {
    this.#touched.delete(session);
  }

  /** How much waits for the end of the turn. */
  get size(): number {
    const sets = [this.#rooms, this.#touched, this.#senders, this.#records, this.#away];
    return sets.reduce((sum, set) => sum + set.size, this.#said.length + this.#mail.length);
  }

  /** The end of the turn. Answers what is left to do. */
  end(): Aftermath {
    const hub = this.#hub;
    this.#awake = false;
    this.#commit();
    this.#acknowledge();
    const after: Aftermath = { slow: [], gaps: [] };
    for (const room of this.#rooms) {
      hub.options.metrics.deliveries += room.flush(hub.nowMs, after);
      hub.due.roster(room);
      if (room.members.size === 0) hub.forget(room);
    }
    this.#rooms.clear();
    for (const session of this.#touched) {
      deliverAlone(session, hub.nowMs, after);
      if (session.endAfterFlush) hub.due.ending(session);
    }
    this.#touched.clear();
    return after;
  }

  #commit(): void {
    const { history, metrics } = this.#hub.options;
    const sessions = Array.from(this.#records, (session) => recordOf(session, this.#hub.nowMs));
    sessions.push(...this.#away.values());
    if (this.#said.length === 0 && this.#mail.length === 0 && sessions.length === 0) {
      this.#senders.clear();
      return;
    }
    try {
      history.append({ said: this.#said, mail: this.#mail, sessions });
      metrics.roomMessages += this.#said.length;
      metrics.privateMessages += this.#mail.length;
      for (const session of this.#records) {
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
    this.#senders.clear();
  }

  #acknowledge(): void {
    for (const session of this.#records) {
      if (session.phase !== "member" || session.committedN <= session.ackedN) continue;
      session.ackedN = session.committedN;
      session.tell({ type: "ack", n: session.ackedN, seq: session.lastSeq }, Infinity);
      this.#touched.add(session);
    }
    this.#records.clear();
  }

  #withdraw(error: ParleyError): void {
    const { options, sessions } = this.#hub;
    for (const room of this.#rooms) room.withdrawSaid();
    for (const session of this.#touched) {
      session.personal = session.personal?.filter((personal) => !personal.onCommit);
    }
    const speakers = new Set<number>();
    for (const said of this.#said) speakers.add(said.author);
    for (const session of this.#senders) speakers.add(session.id);
    for (const session of this.#records) {
      session.mail = session.committedMail;
      if (session.n > session.committedN) speakers.add(session.id);
    }
    for (const session of sessions) {
      if (speakers.has(session.id)) this.#tellWithdrawn(session, error);
    }
    options.warn(error.message);
    count(options.metrics.messagesRefused, error.code, this.#said.length);
  }

  #tellWithdrawn(session: Session, { code, message }: ParleyError): void {
    const taken = session.n > session.committedN;
    const first = session.committedN + 1;
    session.n = session.committedN;
    session.lastSeq = undefined;
    if (taken) refuseFrom(session, first);
    const retry = { n: first, retryAfterMs: sender.storageRetryMs };
    this.#hub.tell(session, { type: "error", code, message, ...(taken ? retry : {}) });
  }
}

/** The session's record as it is now. */
export function recordOf(session: Session, nowMs: number): SessionRecord {
  const { recordId: id, folded: name, n, mail } = session;
  return { id, name, n, mail, seenMs: nowMs };
}
