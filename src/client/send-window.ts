// What a session has to say, on its way out: one order for messages and changes of room, held back when the server asks for time,
// said again after it. Deterministic; knows the protocol's lines but no connection's state.

import { client as limits } from "../limits.ts";
import type { SessionEvent, Unsayable } from "./events.ts";
import { type Entry, Unacknowledged } from "./unacknowledged.ts";
import type { ServerLine } from "./wire.ts";

type Refusal = Extract<ServerLine, { type: "error" }>;

/** Where lines and events go. */
export type Ways = {
  send: (line: Readonly<Record<string, unknown>>) => void;
  tell: (event: SessionEvent) => void;
  /** A new number for a question. */
  nextRef: () => number;
};

export class Outgoing {
  readonly #ways: Ways;
  readonly #pending = new Unacknowledged();
  #open = false;
  // The room as it was asked for; the one that messages said from now on are for.
  #room: string;
  #target: string;
  #entering: { room: string; ref: number } | undefined;
  #heldUntilMs: number | undefined;
  #rewinds = 0;

  constructor(room: string, ways: Ways) {
    this.#room = room;
    this.#target = room;
    this.#ways = ways;
  }

  /** The room to be in, as it was asked for. */
  get room(): string {
    return this.#room;
  }

  get unacknowledged(): number {
    return this.#pending.open;
  }

  get space(): number {
    return this.#pending.space;
  }

  get inFlight(): number {
    return this.#pending.inFlight;
  }

  get heldUntilMs(): number | undefined {
    return this.#heldUntilMs;
  }

  idOf(n: number): number | undefined {
    return this.#pending.idOf(n);
  }

  queue(text: string, to: readonly string[] | undefined): number | Unsayable {
    const room = to === undefined ? this.#target : undefined;
    const id = this.#pending.push({ room, to, text });
    if (id === undefined) return "queue-full";
    this.#pump();
    return id;
  }

  enter(room: string): void {
    this.#target = room;
    this.#pump();
  }

  /** Logged in; see `Unacknowledged.resume`. */
  open(serverN: number, first: boolean): void {
    this.#open = true;
    this.#rewinds = 0;
    const id = this.#pending.resume(serverN, first);
    if (id !== undefined) this.#ways.tell({ type: "acknowledged", id, seq: undefined });
    this.#pump();
  }

  close(): void {
    this.#open = false;
    this.#entering = undefined;
    this.#heldUntilMs = undefined;
  }

  poll(nowMs: number): void {
    if (this.#heldUntilMs === undefined || nowMs < this.#heldUntilMs) return;
    this.#heldUntilMs = undefined;
    this.#pump();
  }

  acknowledged(n: number, seq: number | undefined): void {
    const id = this.#pending.acknowledge(n);
    if (id === undefined) return;
    this.#rewinds = 0;
    this.#ways.tell({ type: "acknowledged", id, seq });
    this.#pump();
  }

  /** The server refuses message `n`. False if it has refused too often: this connection is of no use any more. */
  refused(n: number, refusal: Refusal, nowMs: number): boolean {
    if (refusal.code === "rate" || refusal.code === "storage") {
      const waitMs = Math.min(refusal.retryAfterMs ?? 1_000, limits.retryAfterMaxMs);
      if (this.#pending.rewind(n)) this.#heldUntilMs = nowMs + waitMs;
      return true;
    }
    // `protocol` behind the head is a gap that an earlier refusal made: nothing is used up, go back to the head.
    if (refusal.code === "protocol" && n > this.#pending.headN) {
      if (!this.#pending.rewind(n)) return true;
      this.#pending.rewind(this.#pending.headN);
      this.#heldUntilMs = nowMs + limits.retryFirstMs;
      return ++this.#rewinds <= limits.maxRewinds;
    }
    const entry = this.#pending.refuse(n);
    if (entry !== undefined) this.#tellFailed(entry, refusal);
    this.#pump();
    return true;
  }

  /** The server has let us in. False if this is not what was asked for. */
  entered(ref: number | undefined): boolean {
    if (this.#entering === undefined || ref !== this.#entering.ref) return false;
    this.#room = this.#entering.room;
    this.#entering = undefined;
    return true;
  }

  /** Goes on with what waited; called once the news of `entered` have been told. */
  resume(): void {
    this.#pump();
  }

  /** An error with `ref`: if it is about the change of room, what was meant for that room is not said. */
  enterRefused(ref: number | undefined, refusal: Refusal): void {
    if (this.#entering === undefined || ref !== this.#entering.ref) return;
    const { room } = this.#entering;
    this.#entering = undefined;
    if (this.#target === room) this.#target = this.#room;
    for (const entry of this.#pending.dropRoom(room)) this.#tellFailed(entry, refusal);
    this.#pump();
  }

  // Sends what the window, the room and the server's last refusal allow.
  #pump(): void {
    if (!this.#open || this.#heldUntilMs !== undefined || this.#entering !== undefined) return;
    for (let next = this.#pending.next; next !== undefined; next = this.#pending.next) {
      if (next.room !== undefined && next.room !== this.#room) {
        return this.#enterWhenQuiet(next.room);
      }
      if (this.#pending.windowFull) return;
      const n = this.#pending.sendNext();
      const { to, text } = next;
      this.#ways.send(to === undefined ? { type: "say", n, text } : { type: "tell", n, to, text });
    }
    if (this.#target !== this.#room) this.#enterWhenQuiet(this.#target);
  }

  // A message that has to be sent again must find us in the room that it was said in: change rooms only when none is on its way.
  #enterWhenQuiet(room: string): void {
    if (this.#pending.inFlight > 0) return;
    this.#entering = { room, ref: this.#ways.nextRef() };
    this.#ways.send({ type: "enter", room, ref: this.#entering.ref });
  }

  #tellFailed(entry: Entry, refusal: Refusal): void {
    const { id, text } = entry;
    this.#ways.tell({ type: "failed", id, text, code: refusal.code, message: refusal.message });
  }
}
