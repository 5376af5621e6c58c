// What happens in one turn, gathered until the log has taken it: what was said, who came and went, private messages, records,
// and what single sessions are told, each with its place in the order of events. Pure data; commit-pipeline.ts decides its fate.

import type { PersonalEvent, PresenceEvent, PrivateMessage } from "./events.ts";
import type { RoomItem } from "./fan-out/recipient-group.ts";
import { output } from "../limits.ts";
import type { Room } from "./room.ts";
import { SaidRun } from "./said-run.ts";
import type { Session } from "./session.ts";

/**
 * When a session is told something: as soon as the turn ends; once the batch is settled, whether the log took it or not; or
 * only if the log took it.
 */
export type Timing = "now" | "settled" | "committed";

/** A text, or an event whose words depend on one that comes before it and is not rendered yet. */
export type TimedPersonal = { order: number; timing: Timing } & (
  { text: string } | { event: PersonalEvent }
);

/** What happened in one room. */
export class RoomTurn {
  readonly items: RoomItem[] = [];
  /** The last event that changed who is here. */
  presence: { order: number; event: PresenceEvent } | undefined;
  /** The next message begins a run of its own: somebody has begun to listen in between. */
  breaksRun = false;

  constructor(readonly room: Room) {}

  /** Number of the last message before `order`, once the log has numbered them. */
  seqBefore(order: number, before: number): number {
    let seq = before;
    for (const { order: at, event } of this.items) {
      if (at > order) break;
      if (event?.type === "said") seq = event.seq + event.length - 1;
    }
    return seq;
  }
}

/** A private message for one recipient; `stored`: it has a mailbox. */
export type MailItem = {
  recipient: string;
  stored: boolean;
  order: number;
  message: Omit<PrivateMessage, "mail">;
  author: Session;
  n: number | undefined;
  /** Its number in the mailbox, once the log has given it; 0 where there is none. */
  mail: number;
};

/** A session that has left: `name` is what it still holds, empty after a goodbye. */
export type Departure = { session: Session; name: string; seenMs: number };

/** The last counted message of a session in this batch; `run` and `index` where it was said in a room. */
export type Counted = { n: number; run: SaidRun | undefined; index: number };

export class TurnBatch {
  readonly rooms = new Map<Room, RoomTurn>();
  readonly mail: MailItem[] = [];
  /** Sessions whose record is to be written, beside those that have counted messages. */
  readonly records = new Set<Session>();
  /** Sessions that have left, by the ID of their record. */
  readonly departed = new Map<string, Departure>();
  readonly counted = new Map<Session, Counted>();
  /** Who said something that is not heard if the log does not take it. */
  readonly speakers = new Set<Session>();
  readonly personals = new Map<Session, TimedPersonal[]>();
  /** Connections that end after this batch. */
  readonly ending = new Set<Session>();
  /** Runs when the batch is settled, before anybody hears it: who enters begins to listen. */
  readonly beforeDelivery: (() => void)[] = [];
  /** Runs when everybody has heard it: who leaves stops listening; what waited for this batch goes on. */
  readonly afterDelivery: (() => void)[] = [];
  messages = 0;
  /** UTF-16 units of what was said. */
  chars = 0;
  /** The room of the last event: most of a turn is said in one room. */
  #lastTurn: RoomTurn | undefined;

  get isEmpty(): boolean {
    return (
      !this.needsStore &&
      this.rooms.size === 0 &&
      this.mail.length === 0 &&
      this.personals.size === 0 &&
      this.ending.size === 0 &&
      this.beforeDelivery.length === 0 &&
      this.afterDelivery.length === 0
    );
  }

  /** Whether there is anything that the store has to write. */
  get needsStore(): boolean {
    return (
      this.messages > 0 ||
      this.mail.some(({ stored }) => stored) ||
      this.records.size > 0 ||
      this.counted.size > 0 ||
      this.departed.size > 0
    );
  }

  roomTurn(room: Room): RoomTurn {
    if (this.#lastTurn?.room === room) return this.#lastTurn;
    let turn = this.rooms.get(room);
    if (turn === undefined) this.rooms.set(room, (turn = new RoomTurn(room)));
    this.#lastTurn = turn;
    return turn;
  }

  /** The session has counted message `n`, whatever becomes of it; `run` and `index`: where it was said. */
  count(session: Session, n: number, run: SaidRun | undefined, index: number): void {
    const counted = this.counted.get(session);
    if (counted === undefined) this.counted.set(session, { n, run, index });
    else {
      counted.n = n;
      counted.run = run;
      counted.index = index;
    }
  }

  /** Adds a message; consecutive ones of one sender make a run. */
  say(
    room: Room,
    order: number,
    timeMs: number,
    author: Session,
    text: string,
    n: number | undefined,
  ): void {
    const turn = this.roomTurn(room);
    const { name, alias } = author.identity;
    const last = turn.items.at(-1)?.event;
    this.messages++;
    this.chars += text.length;
    let run: SaidRun;
    if (
      last?.type === "said" &&
      !turn.breaksRun &&
      last.author === author.id &&
      last.timeMs === timeMs &&
      last.from === name &&
      (n === undefined
        ? last.n === undefined
        : last.n !== undefined && last.n + last.length === n) &&
      last.chars + text.length <= output.maxRunChars
    ) {
      run = last;
      run.push(text);
    } else {
      run = new SaidRun(room.name, 0, timeMs, name, alias, n, author.id, text);
      turn.items.push({ order, event: run });
      turn.breaksRun = false;
      this.speakers.add(author);
    }
    if (n !== undefined) this.count(author, n, run, run.length - 1);
  }

  addPresence(room: Room, order: number, event: PresenceEvent): void {
    const turn = this.roomTurn(room);
    turn.presence = { order, event };
    turn.items.push({ order, event });
  }

  addPersonal(session: Session, personal: TimedPersonal): void {
    const list = this.personals.get(session);
    if (list === undefined) this.personals.set(session, [personal]);
    else list.push(personal);
  }

  /** Takes out the texts that need not wait for the log, in order. */
  takeAnswers(session: Session): TimedPersonal[] {
    const list = this.personals.get(session);
    if (list === undefined) return [];
    const now = list.filter(({ timing }) => timing === "now");
    const rest = list.filter(({ timing }) => timing !== "now");
    if (rest.length === 0) this.personals.delete(session);
    else this.personals.set(session, rest);
    return now;
  }

  /** Withdraws all that was said: it did not get into the log. Who came and went stays. */
  withdraw(): void {
    for (const { items } of this.rooms.values()) {
      for (const item of items) if (item.event?.type === "said") item.event = undefined;
    }
    this.mail.length = 0;
    this.counted.clear();
    for (const session of this.personals.keys()) this.#dropUncommitted(session);
  }

  /** Withdraws what one session has counted here: an earlier message of it did not get into the log. */
  withdrawCounted(author: Session): void {
    if (!this.counted.delete(author)) return;
    for (const { items } of this.rooms.values()) {
      for (const item of items) {
        const { event } = item;
        if (event?.type !== "said" || event.author !== author.id || event.n === undefined) continue;
        this.messages -= event.length;
        this.chars -= event.chars;
        item.event = undefined;
      }
    }
    for (let i = this.mail.length - 1; i >= 0; i--) {
      const { author: by, n } = this.mail[i]!;
      if (by === author && n !== undefined) this.mail.splice(i, 1);
    }
    this.#dropUncommitted(author);
  }

  /** Forgets what a session was to be told if the log took this batch. */
  #dropUncommitted(session: Session): void {
    const list = this.personals.get(session);
    if (list === undefined) return;
    const rest = list.filter(({ timing }) => timing !== "committed");
    this.personals.set(session, rest);
  }
}
