// Everything that happens in one turn, gathered until it is committed: messages, joins and leaves,
// private messages, records, and events for single sessions, each with its position in the order of
// events. Pure data; commit-pipeline.ts decides when it is settled.

import type { Persona } from "../people/persona.ts";
import type { MessageKind, PersonalEvent, Ref, PresenceEvent, PrivateMessage } from "../events.ts";
import type { RoomItem } from "../fan-out/recipient-group.ts";
import { output } from "../../limits.ts";
import { fold } from "../names/grammar.ts";
import { isRosterChange, spansRooms } from "../rooms/presence.ts";
import type { Room } from "../rooms/room.ts";
import { SaidRun } from "../rooms/said-run.ts";
import type { Session } from "../session.ts";
import type {
  AddressedSignal,
  MailPartner,
  NameClaim,
  PresenceChange,
  SessionUpdate,
} from "./store.ts";

/**
 * When a session receives an event: at the end of the turn; the same, but not before its welcome;
 * once the batch is settled, committed or not; or only if it was committed.
 */
export type Timing = "now" | "welcomed" | "settled" | "committed";

/** Rendered text, or an event that is rendered after an earlier one has been. */
export type TimedPersonal = { order: number; timing: Timing } & (
  { text: string } | { event: PersonalEvent | OwnMessage }
);

/** What happened in one room. */
export class RoomTurn {
  readonly items: RoomItem[] = [];
  /** The last join, leave or rename. */
  presence: { order: number; event: PresenceEvent } | undefined;
  /** The next message starts a new run, because a listener joined in between. */
  breaksRun = false;
  /** Somebody enters, who may have been told who is there, and hears everything after that. */
  hasEntries = false;
  /** Folded names that the first `#examined` items are about. */
  readonly #subjects = new Set<string>();
  #examined = 0;

  constructor(readonly room: Room) {}

  /** Whether another server's event must come after what the room is to hear here. */
  precedes(event: PresenceEvent): boolean {
    return this.hasEntries || subjectsOf(event).some((folded) => this.#concerns(folded));
  }

  #concerns(folded: string): boolean {
    for (; this.#examined < this.items.length; this.#examined++) {
      const event = this.items[this.#examined]?.event;
      if (event === undefined || event.type === "said") continue;
      for (const name of subjectsOf(event)) this.#subjects.add(name);
    }
    return this.#subjects.has(folded);
  }

  /** Number of the last message before `order`; valid once the log has numbered them. */
  seqBefore(order: number, before: number): number {
    let seq = before;
    for (const { order: at, event } of this.items) {
      if (at > order) break;
      if (event?.type === "said") seq = event.seq + event.length - 1;
    }
    return seq;
  }
}

/** The folded names of the people that an event is about. */
function subjectsOf(event: PresenceEvent): readonly string[] {
  if (event.type === "renamed") return [fold(event.from), fold(event.to)];
  if (event.type === "mode") {
    return event.changes.flatMap((change) => ("name" in change ? [fold(change.name)] : []));
  }
  return "name" in event ? [fold(event.name)] : [];
}

/** A private message for one recipient. `stored`: the recipient has a mailbox. */
export type MailItem = {
  recipient: string;
  stored: boolean;
  order: number;
  network: string;
  message: Omit<PrivateMessage, "mail">;
  other: MailPartner;
  /** For the sender's history: not delivered. */
  isCopy?: boolean;
  /** Details that live recipients are shown in addition, and that are not stored. */
  live: Pick<PrivateMessage, "persona" | "tags">;
  author: Session;
  n: number | undefined;
  /** Its number in the mailbox, once assigned; 0 without a mailbox. */
  mail: number;
};

type HowSaid = {
  order: number;
  timeMs: number;
  n: number | undefined;
  kind: MessageKind | undefined;
  tags?: string | undefined;
  persona?: Persona | undefined;
};

/** A message of the session's own that it wants echoed. */
type OwnMessage = { type: "own"; run: SaidRun; index: number; ref: Ref };

/** A session that left. `name` is the name that it keeps holding; empty after a goodbye. */
export type Departure = { session: Session; name: string; seenMs: number };

/** The last counted message of a session in this batch; `run` and `index` locate it in a room. */
export type Counted = { n: number; run: SaidRun | undefined; index: number };

export class TurnBatch {
  readonly rooms = new Map<Room, RoomTurn>();
  readonly mail: MailItem[] = [];
  /** Sessions whose records must be written, in addition to those with counted messages. */
  readonly records = new Set<Session>();
  /** Sessions that left, by record ID. */
  readonly departed = new Map<string, Departure>();
  /** Records of new mailboxes. */
  readonly mailboxes: SessionUpdate[] = [];
  readonly counted = new Map<Session, Counted>();
  /** Authors to notify if the commit fails. */
  readonly speakers = new Set<Session>();
  /** For the other servers, if there can be any. */
  readonly presence = new Map<Room, PresenceChange[]>();
  readonly released: NameClaim[] = [];
  /** Folded names whose holders are looked up when the batch is committed. */
  readonly people = new Set<string>();
  readonly signals: AddressedSignal[] = [];
  readonly personals = new Map<Session, TimedPersonal[]>();
  /** Connections to close after this batch. */
  readonly ending = new Set<Session>();
  /** Runs once the batch is settled, before delivery: new members start to receive events. */
  readonly beforeDelivery: (() => void)[] = [];
  /**
   * Runs after delivery: departed members stop receiving events, and waiting operations continue.
   */
  readonly afterDelivery: (() => void)[] = [];
  /**
   * Folded names of people about whom other servers' events must wait for this batch, in whatever
   * room: they leave all of their rooms, which is told without naming these, or earlier such events
   * wait already.
   */
  readonly #awaited = new Set<string>();
  /** Something happened in several rooms at once, which some dialects tell without naming them. */
  spansRooms = false;
  messages = 0;
  /** UTF-16 code units of all messages. */
  chars = 0;
  /** Number of presence events, and of answers that wait for the commit. */
  #entries = 0;
  /** UTF-16 code units of those answers. */
  #answerChars = 0;
  /** Sessions with answers that need not wait, among thousands that may wait for a slow store. */
  readonly #answered = new Set<Session>();
  readonly #unrendered = new Set<Session>();
  /** The room of the last event: most turns happen in one room. */
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

  /**
   * Approximate size of the batch in UTF-16 code units: it grows while the store is not responding.
   */
  get size(): number {
    const messages = this.messages + this.mail.length;
    const entries =
      this.#entries +
      this.records.size +
      this.mailboxes.length +
      this.counted.size +
      this.departed.size +
      this.people.size +
      this.signals.length +
      this.released.length +
      this.beforeDelivery.length +
      this.afterDelivery.length;
    const besides = messages * output.gatheredMessageChars + entries * output.gatheredEntryChars;
    return this.chars + this.#answerChars + besides;
  }

  /**
   * Whether nobody is waiting for anything except to be admitted or to learn of arrivals and
   * departures.
   */
  get mayWait(): boolean {
    return this.messages === 0 && this.mail.length === 0 && this.counted.size === 0;
  }

  /** Whether the store has anything to write. */
  get needsStore(): boolean {
    return (
      this.messages > 0 ||
      this.mail.some(({ stored }) => stored) ||
      this.records.size > 0 ||
      this.mailboxes.length > 0 ||
      this.counted.size > 0 ||
      this.departed.size > 0 ||
      this.presence.size > 0 ||
      this.people.size > 0 ||
      this.signals.length > 0 ||
      this.released.length > 0
    );
  }

  /** Whether another server's event must come after what this batch has about the same people. */
  precedes(room: Room, event: PresenceEvent): boolean {
    if (this.rooms.get(room)?.precedes(event) === true) return true;
    return subjectsOf(event).some((folded) => this.#awaited.has(folded));
  }

  roomTurn(room: Room): RoomTurn {
    if (this.#lastTurn?.room === room) return this.#lastTurn;
    let turn = this.rooms.get(room);
    if (turn === undefined) this.rooms.set(room, (turn = new RoomTurn(room)));
    this.#lastTurn = turn;
    return turn;
  }

  /** Records that the session has used up counter `n`, whatever becomes of the message. */
  count(session: Session, n: number, run: SaidRun | undefined, index: number): void {
    const counted = this.counted.get(session);
    if (counted === undefined) this.counted.set(session, { n, run, index });
    else {
      counted.n = n;
      counted.run = run;
      counted.index = index;
    }
  }

  /** Adds a message; consecutive ones of one author form a run. */
  say(room: Room, author: Session, text: string, how: HowSaid): { run: SaidRun; index: number } {
    const { order, timeMs, n, kind, tags, persona } = how;
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
      last.kind === kind &&
      last.tags === tags &&
      last.persona === persona &&
      (n === undefined
        ? last.n === undefined
        : last.n !== undefined && last.n + last.length === n) &&
      last.chars + text.length <= output.maxRunChars
    ) {
      run = last;
      run.push(text);
    } else {
      const by = author.id;
      run = new SaidRun(
        { room: room.name, seq: 0, timeMs, from: name, alias, n, author: by, kind },
        [text],
      );
      run.tags = tags;
      run.persona = persona;
      turn.items.push({ order, event: run });
      turn.breaksRun = false;
      this.speakers.add(author);
    }
    if (n !== undefined) this.count(author, n, run, run.length - 1);
    return { run, index: run.length - 1 };
  }

  /** Adds a message to the run that the last one belongs to. */
  sayOn(author: Session, run: SaidRun, text: string, n: number | undefined): void {
    this.messages++;
    this.chars += text.length;
    run.push(text);
    if (n !== undefined) this.count(author, n, run, run.length - 1);
  }

  addPresence(room: Room, order: number, event: PresenceEvent): void {
    const turn = this.roomTurn(room);
    this.#entries++;
    if (isRosterChange(event)) turn.presence = { order, event };
    turn.items.push({ order, event });
    if (!spansRooms(event)) return;
    this.spansRooms = true;
    if (event.type === "left") this.#awaited.add(fold(event.name));
  }

  /** Adds an event of another server that must wait for this batch. */
  addForeign(room: Room, order: number, event: PresenceEvent): void {
    this.addPresence(room, order, event);
    for (const folded of subjectsOf(event)) this.#awaited.add(folded);
  }

  /** Reports a presence change of the room to the other servers. */
  sharePresence(room: Room, change: PresenceChange): void {
    this.#entries++;
    const changes = this.presence.get(room);
    if (changes === undefined) this.presence.set(room, [change]);
    else changes.push(change);
  }

  /** Takes over what an earlier batch could not report to the other servers. */
  putBack({ presence, released, people, signals }: TurnBatch): void {
    this.released.unshift(...released);
    this.signals.unshift(...signals);
    for (const folded of people) this.people.add(folded);
    const later = [...this.presence];
    this.presence.clear();
    for (const [room, changes] of presence) {
      this.presence.set(room, [...changes]);
      this.#entries += changes.length;
    }
    for (const [room, changes] of later) {
      this.presence.set(room, [...(this.presence.get(room) ?? []), ...changes]);
    }
  }

  /** Whether something was gathered for the session that is rendered only when it is sent. */
  isUnrendered(session: Session): boolean {
    return this.#unrendered.has(session);
  }

  addPersonal(session: Session, personal: TimedPersonal): void {
    if ("event" in personal) this.#unrendered.add(session);
    // Other answers are sent at the end of the turn.
    if (personal.timing === "now") this.#answered.add(session);
    else {
      this.#entries++;
      if ("text" in personal) this.#answerChars += personal.text.length;
    }
    const list = this.personals.get(session);
    if (list === undefined) this.personals.set(session, [personal]);
    else list.push(personal);
  }

  /** Withdraws everything that was gathered for the session alone. */
  forget(session: Session): void {
    this.personals.delete(session);
    this.#answered.delete(session);
    this.#unrendered.delete(session);
  }

  /** Whether the session has said something in this batch, or is to be told something with it. */
  concerns(session: Session): boolean {
    const { personals, speakers, counted } = this;
    return personals.has(session) || speakers.has(session) || counted.has(session);
  }

  /** Whether an answer to the session waits until this is settled. */
  isAwaitedBy(session: Session): boolean {
    return this.personals.get(session)?.some(({ timing }) => timing === "settled") === true;
  }

  /**
   * The session has its welcome: renders, in order, what was gathered for it before it could be
   * rendered. Nothing waits for the welcome any more.
   */
  welcome(session: Session, render: (personal: TimedPersonal) => readonly string[]): void {
    const list = this.personals.get(session);
    if (list === undefined) return;
    const rendered = list.flatMap((personal): TimedPersonal[] => {
      const { order } = personal;
      const timing = personal.timing === "welcomed" ? "now" : personal.timing;
      // The number of an own message is known only once it is committed.
      if ("text" in personal || personal.event.type === "own") return [{ ...personal, timing }];
      return render(personal).map((text) => ({ order, timing, text }));
    });
    this.personals.set(session, rendered);
    this.#answered.add(session);
  }

  /** Removes and returns, in order, what need not wait for the commit. */
  takeAnswers(session: Session): TimedPersonal[] {
    const list = this.personals.get(session);
    if (!this.#answered.delete(session) || list === undefined) return [];
    const now = list.filter(({ timing }) => timing === "now");
    const rest = list.filter(({ timing }) => timing !== "now");
    if (rest.length === 0) this.personals.delete(session);
    else this.personals.set(session, rest);
    return now;
  }

  /** Withdraws all messages, because they were not committed. Joins and leaves stay. */
  withdraw(): void {
    for (const { items } of this.rooms.values()) {
      for (const item of items) if (item.event?.type === "said") item.event = undefined;
    }
    this.mail.length = 0;
    this.counted.clear();
    for (const session of this.personals.keys()) this.#dropUncommitted(session);
  }

  /** Withdraws a session's counted messages, because an earlier one was not committed. */
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

  /** Drops events that depended on the commit. */
  #dropUncommitted(session: Session): void {
    const list = this.personals.get(session);
    if (list === undefined) return;
    const rest = list.filter(({ timing }) => timing !== "committed");
    this.personals.set(session, rest);
  }
}
