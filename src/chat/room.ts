// A room: who is in it, what happened in it this turn, and the number of its last message. It decides nothing.

import type { Dialect } from "./dialect.ts";
import type { RoomEvent } from "./events.ts";
import type { Session } from "./session.ts";
import { type Aftermath, type RoomTurn, Voice } from "./fan-out/recipient-group.ts";

export class Room {
  /** Everyone here by folded name. */
  readonly members = new Map<string, Session>();
  readonly voices = new Map<Dialect, Voice>();
  /** What happened since the last flush, in order. */
  pending: (RoomEvent | undefined)[] = [];
  /** Number of the last message, and of the last one that is in the log for good. */
  seq: number;
  committedSeq: number;
  #presence: RoomTurn["presence"];
  #sorted: string[] | undefined;

  constructor(
    readonly name: string,
    seq: number,
  ) {
    this.seq = seq;
    this.committedSeq = seq;
  }

  /** Adds a member to the list of those present; it hears the room only once it is in a voice. */
  add(session: Session): void {
    this.members.set(session.folded, session);
    this.#sorted = undefined;
  }

  remove(session: Session): void {
    if (this.members.get(session.folded) === session) this.members.delete(session.folded);
    this.unhear(session);
    this.#sorted = undefined;
  }

  /** Keeps the list right while `change` gives the member another name. */
  remember(session: Session, change: () => void): void {
    this.members.delete(session.folded);
    change();
    this.add(session);
  }

  /** From the next event on, the member hears the room; what is said in it only once it has been told of the past. */
  hear(session: Session): void {
    let voice = this.voices.get(session.dialect);
    if (voice === undefined) {
      voice = new Voice(session.dialect);
      this.voices.set(session.dialect, voice);
    }
    session.special = true;
    if (voice.members.has(session)) return;
    session.hearsFrom = this.pending.length;
    voice.members.add(session);
  }

  unhear(session: Session): void {
    const voice = this.voices.get(session.dialect);
    voice?.members.delete(session);
    if (voice?.members.size === 0) this.voices.delete(session.dialect);
  }

  /** Whether something was said this turn that is not in the log yet. */
  get unsettled(): boolean {
    return this.seq !== this.committedSeq;
  }

  push(event: RoomEvent): void {
    if (event.type !== "said") {
      this.#presence = { at: this.pending.length, cause: event.type, author: event.author };
      this.#sorted = undefined;
    }
    this.pending.push(event);
  }

  /** Takes back everything that was said this turn: it did not get into the log. */
  withdrawSaid(): void {
    this.pending = this.pending.map((event) => (event?.type === "said" ? undefined : event));
    this.seq = this.committedSeq;
  }

  /** Names of everyone here, in the order in which they came. */
  names(): readonly string[] {
    return Array.from(this.members.values(), (session) => session.name);
  }

  /** Names of everyone here, sorted by folded name: an order in which a list can be paged. */
  sortedNames(): readonly string[] {
    this.#sorted ??= [...this.members.keys()].sort().map((key) => this.members.get(key)!.name);
    return this.#sorted;
  }

  /** Hands this turn to every voice; answers how many messages were handed to members, added up. */
  flush(nowMs: number, after: Aftermath): number {
    const turn: RoomTurn = {
      events: this.pending,
      presence: this.#presence,
      names: () => this.names(),
      nowMs,
      after,
    };
    this.pending = [];
    this.#presence = undefined;
    this.committedSeq = this.seq;
    let deliveries = 0;
    for (const voice of this.voices.values()) deliveries += voice.deliver(turn);
    return deliveries;
  }
}
