// Shares the event loop fairly among senders. Each line of a flood is cheap, but one pass of the
// loop can deliver tens of thousands of them from one network, and each message goes to many
// recipients, while everybody else waits. So input from one share owner is read for a limited time
// and number of bytes per window, its connections taking turns; the rest waits.

import { reading as limits } from "../limits.ts";
import type { ShareOwner } from "../share-owner.ts";

export interface Reader {
  /** Whether input is waiting. */
  readonly hasUnread: boolean;
  /**
   * Reads some of the input, one line after another while `mayReadOn` (always, without it). Returns
   * how many bytes count.
   */
  readSome(mayReadOn?: () => boolean): number;
}

/** One owner: when its window began, and how much of it and of later ones has been used. */
type Turn = { sinceMs: number; usedMs: number; usedBytes: number; readonly waiting: Set<Reader> };

export class ReadingTurns {
  readonly #turns = new Map<string, Turn>();
  readonly #now: () => number;
  readonly #later: (run: () => void) => unknown;
  #isScheduled = false;
  /** Until when the current reader may read on. */
  #endMs = 0;

  /** `now`: milliseconds; `later` calls back once, in another pass of the loop. */
  constructor(
    now: () => number = () => performance.now(),
    later: (run: () => void) => unknown = (run) => setTimeout(run, 1),
  ) {
    this.#now = now;
    this.#later = later;
  }

  /** Input has arrived for the reader: reads as much as its owner may read now. */
  read(owner: ShareOwner, reader: Reader): void {
    const key = owner.kept.at(-1)?.key;
    if (key === undefined) {
      while (reader.hasUnread) reader.readSome();
      return;
    }
    const turn = this.#turnOf(key);
    if (turn.waiting.size === 0) {
      while (reader.hasUnread && this.#mayRead(turn)) this.#readSome(turn, reader);
      if (!reader.hasUnread) return;
    }
    turn.waiting.add(reader);
    this.#schedule();
  }

  /** Number of known owners. */
  get size(): number {
    return this.#turns.size;
  }

  #turnOf(key: string): Turn {
    let turn = this.#turns.get(key);
    if (turn === undefined) {
      if (this.#turns.size >= limits.owners) this.#forgetIdle();
      turn = { sinceMs: this.#now(), usedMs: 0, usedBytes: 0, waiting: new Set() };
      this.#turns.set(key, turn);
    }
    return turn;
  }

  #forgetIdle(): void {
    for (const [key, turn] of this.#turns) if (turn.waiting.size === 0) this.#turns.delete(key);
  }

  #mayRead(turn: Turn): boolean {
    const nowMs = this.#now();
    const windows = (nowMs - turn.sinceMs) / limits.windowMs;
    if (windows >= 1) {
      // Reading beyond a slice is a debt, since a single line may take longer than a window.
      const usedMs = Math.min(turn.usedMs, limits.maxDebtMs);
      turn.usedMs = Math.max(0, usedMs - windows * limits.sliceMs);
      turn.usedBytes = Math.max(0, turn.usedBytes - windows * limits.sliceBytes);
      turn.sinceMs = nowMs;
    }
    return turn.usedMs < limits.sliceMs && turn.usedBytes < limits.sliceBytes;
  }

  #readSome(turn: Turn, reader: Reader): void {
    const beganMs = this.#now();
    this.#endMs = beganMs + limits.sliceMs - turn.usedMs;
    turn.usedBytes += reader.readSome(this.#mayReadOn);
    turn.usedMs += this.#now() - beganMs;
  }

  /** A piece may consist of a thousand short lines, each of which requests a page of history. */
  readonly #mayReadOn = (): boolean => this.#now() < this.#endMs;

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#later(this.#continue);
  }

  readonly #continue = (): void => {
    this.#isScheduled = false;
    try {
      for (const turn of this.#turns.values()) this.#continueTurn(turn);
    } finally {
      // A bug in one connection must not end the others.
      if (this.#turns.values().some(({ waiting }) => waiting.size > 0)) this.#schedule();
    }
  };

  #continueTurn(turn: Turn): void {
    for (const reader of turn.waiting) {
      if (!this.#mayRead(turn)) return;
      // A reader that had its turn goes to the end of the queue.
      turn.waiting.delete(reader);
      this.#readSome(turn, reader);
      if (reader.hasUnread) turn.waiting.add(reader);
    }
  }
}
