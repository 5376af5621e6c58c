// A room in one dialect's words: every event of a turn is rendered once and encoded once, and all members that speak the
// dialect are given the same bytes. A member that hears something of its own in between gets a copy cut for it.

import type { Dialect } from "../dialects/dialect.ts";
import { output } from "../limits.ts";
import type { RoomEvent } from "./events.ts";
import type { Session } from "./session.ts";
import { TokenBucket } from "./token-bucket.ts";

/** What a room hands to its voices at the end of a turn. An event that was withdrawn is undefined. */
export type RoomTurn = {
  events: readonly (RoomEvent | undefined)[];
  /** The last event of this turn that changed who is here. */
  presence: { at: number; cause: "joined" | "left" | "renamed"; author: number } | undefined;
  /** Names of those present. */
  names: () => readonly string[];
  nowMs: number;
  after: Aftermath;
};

/** What a turn leaves to do: members that lag further behind than allowed, and ones whose next message waits for its gap. */
export type Aftermath = { slow: Session[]; gaps: Session[] };

export class Voice {
  readonly members = new Set<Session>();
  /** The list of users changed while the budget for lists was spent. */
  rosterDue = false;
  #rosterBudget: TokenBucket | undefined;

  constructor(readonly dialect: Dialect) {}

  /** Renders a turn once and hands it to every member. Returns how many messages that were said reached how many members. */
  deliver(turn: RoomTurn): number {
    const script = this.#render(turn);
    for (const session of this.members) {
      if (session.special || session.personal !== undefined) composeFor(session, script);
      else if (session.isSpaced) script.spaceOut(session);
      else session.outbox.send(script.bytes);
      settle(session, turn.nowMs, turn.after);
    }
    return script.length * this.members.size;
  }

  /** Sends the list of users if one is owed and affordable; true while one is still owed. */
  payRoster(names: readonly string[], nowMs: number): boolean {
    if (!this.rosterDue) return false;
    const listFor = this.#affordableRoster(names, nowMs);
    if (listFor === undefined) return true;
    for (const session of this.members) {
      session.insert({ at: 0, text: listFor(session.name), onCommit: false });
    }
    return false;
  }

  #render(turn: RoomTurn): Script {
    const { dialect } = this;
    const { events } = turn;
    const script = new Script(dialect, events);
    const list = this.#sharedRoster(turn);
    // A plain loop: this runs for every message, once a dialect.
    for (let at = 0; at < events.length; at++) {
      if (list?.at === at) script.add(at, list.text, list.hiddenFrom);
      const event = events[at];
      const text = event === undefined ? undefined : dialect.renderRoom(event);
      if (event === undefined || text === undefined) continue;
      const own =
        (event.type === "said" && !dialect.echo.said) ||
        (event.type === "joined" && !dialect.echo.joined);
      script.add(at, text, own ? event.author : 0);
    }
    if (list?.at === events.length) script.add(list.at, list.text, list.hiddenFrom);
    return script;
  }

  /** The list of users that this turn's presence calls for, if it is the same for all; else each member gets its own. */
  #sharedRoster(turn: RoomTurn): { at: number; text: string; hiddenFrom: number } | undefined {
    const style = this.dialect.roster;
    const { presence } = turn;
    if (style === undefined || presence === undefined || this.members.size === 0) return undefined;
    const when = style.when[presence.cause];
    if (when === "never") return undefined;
    const listFor = this.#affordableRoster(turn.names(), turn.nowMs);
    if (listFor === undefined) return undefined;
    const at = when === "before" ? presence.at : presence.at + 1;
    const skipped = style.skipRenamed && presence.cause === "renamed" ? presence.author : 0;
    if (style.shared) return { at, text: listFor(""), hiddenFrom: skipped };
    for (const session of this.members) {
      if (session.id === skipped) continue;
      session.insert({ at, text: listFor(session.name), onCommit: false });
    }
    return undefined;
  }

  /** Renders the list once if the members' budget for lists allows; else remembers that it is owed. */
  #affordableRoster(
    names: readonly string[],
    nowMs: number,
  ): ((self: string) => string) | undefined {
    const style = this.dialect.roster;
    if (style === undefined) return undefined;
    this.#rosterBudget ??= new TokenBucket(
      output.rosterBytesPerSecond - output.rosterBurstBytes,
      output.rosterBurstBytes,
      nowMs,
    );
    if (this.#rosterBudget.waitMs(nowMs) > 0) {
      this.rosterDue = true;
      return undefined;
    }
    const listFor = style.render(names);
    this.#rosterBudget.take(Buffer.byteLength(listFor("")), nowMs);
    this.rosterDue = false;
    return listFor;
  }
}

/**
 * What a turn sounds like in one dialect: lines in their order, each with the place of its event and the session that is not to
 * hear it (0: none); as text, as bytes, and where in the bytes each begins.
 */
class Script {
  readonly #texts: string[] = [];
  readonly #places: number[] = [];
  readonly #hiddenFrom: number[] = [];
  readonly #isStream: boolean;
  #text = "";
  #bytes: Uint8Array | undefined;
  #starts: number[] | undefined;

  constructor(
    dialect: Dialect,
    readonly events: RoomTurn["events"],
  ) {
    this.#isStream = dialect.output === "stream";
  }

  get length(): number {
    return this.#texts.length;
  }

  add(place: number, text: string, hiddenFrom: number): void {
    this.#texts.push(text);
    this.#places.push(place);
    this.#hiddenFrom.push(hiddenFrom);
    this.#text += this.#lineOf(text);
  }

  placeOf(i: number): number {
    return this.#places[i]!;
  }

  isHidden(i: number, session: Session): boolean {
    return this.#hiddenFrom[i] === session.id;
  }

  /** Whether line `i` belongs to a message (and not to who is here), so that it is in the log. */
  isSaid(i: number): boolean {
    return this.events[this.#places[i]!]?.type === "said";
  }

  /** Line `i` as a message of its own. */
  messageOf(i: number): string {
    return this.#texts[i]!;
  }

  /** All of it, encoded once. */
  get bytes(): Uint8Array {
    this.#bytes ??= Buffer.from(this.#text);
    return this.#bytes;
  }

  /** The bytes of lines `from` up to `to`. */
  slice(from: number, to: number): Uint8Array {
    if (from === 0 && to === this.length) return this.bytes;
    const starts = this.#byteStarts();
    return this.bytes.subarray(starts[from], starts[to]);
  }

  /** Queues every line as a message of its own; where many wait already, they are joined anyway. */
  spaceOut(session: Session): void {
    if (this.length === 0) return;
    if (session.spacedFull) {
      session.pushSpaced(this.#isStream ? this.#text : this.#text.slice(0, -1));
      return;
    }
    for (let i = 0; i < this.length; i++) session.pushSpaced(this.messageOf(i));
  }

  /** A message has no line end of its own but needs one among others. */
  #lineOf(text: string): string {
    return this.#isStream || text.endsWith("\n") ? text : `${text}\n`;
  }

  #byteStarts(): number[] {
    if (this.#starts !== undefined) return this.#starts;
    const ascii = this.bytes.length === this.#text.length;
    const starts = [0];
    let end = 0;
    for (const text of this.#texts) {
      const line = this.#lineOf(text);
      end += ascii ? line.length : Buffer.byteLength(line);
      starts.push(end);
    }
    this.#starts = starts;
    return starts;
  }
}

/** Sends what a session hears that no room's turn has reached: answers, private messages, the past. */
export function deliverAlone(session: Session, nowMs: number, after: Aftermath): void {
  if (session.personal !== undefined) composeFor(session, new Script(session.dialect, []));
  session.special = session.replay !== undefined;
  settle(session, nowMs, after);
}

/** Lets the first of the spaced messages go, and notes what is left to do. */
function settle(session: Session, nowMs: number, after: Aftermath): void {
  if (session.pumpSpaced(nowMs)) after.gaps.push(session);
  if (session.lagBytes > output.maxLagBytes) after.slow.push(session);
}

/** Puts together what one member hears: the room's items that are meant for it, and its own in their places. */
function composeFor(session: Session, script: Script): void {
  const own = session.personal ?? [];
  const sink = session.isSpaced ? new SpacedSink(session, script) : new StreamSink(session, script);
  const isReplaying = session.replay !== undefined;
  let p = 0;
  for (let i = 0; i < script.length; i++) {
    const place = script.placeOf(i);
    for (; p < own.length && own[p]!.at <= place; p++) sink.personal(own[p]!.text);
    if (place < session.hearsFrom || script.isHidden(i, session)) continue;
    if (!isReplaying || !script.isSaid(i)) sink.line(i);
  }
  for (; p < own.length; p++) sink.personal(own[p]!.text);
  sink.end();
  session.personal = undefined;
  session.personalChars = 0;
  session.special = isReplaying;
  session.hearsFrom = 0;
}

class SpacedSink {
  constructor(
    readonly session: Session,
    readonly script: Script,
  ) {}
  line(i: number): void {
    this.session.pushSpaced(this.script.messageOf(i));
  }
  personal(text: string): void {
    this.session.pushSpaced(text);
  }
  end(): void {}
}

/** Joins runs of the shared bytes with a member's own, so that they leave in one write. */
class StreamSink {
  #pieces: Uint8Array[] = [];
  #own = "";
  #from = 0;
  #to = 0;

  constructor(
    readonly session: Session,
    readonly script: Script,
  ) {}

  line(i: number): void {
    this.#closeOwn();
    if (i !== this.#to) {
      this.#closeRun();
      this.#from = i;
    }
    this.#to = i + 1;
  }

  personal(text: string): void {
    this.#closeRun();
    this.#own += this.session.lineOf(text);
  }

  end(): void {
    this.#closeRun();
    this.#closeOwn();
    const [first] = this.#pieces;
    if (first === undefined) return;
    this.session.outbox.send(this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces));
  }

  #closeRun(): void {
    if (this.#to > this.#from) this.#pieces.push(this.script.slice(this.#from, this.#to));
    this.#from = this.#to;
  }

  #closeOwn(): void {
    if (this.#own === "") return;
    this.#pieces.push(Buffer.from(this.#own));
    this.#own = "";
  }
}
