// Shares the event loop among those who send to it. Each line of a flood costs little, but one pass
// of the loop can bring tens of thousands from one network, and what is said goes to many; everybody
// else waits. So what comes from one owner of a share is read for a moment and for some bytes at a
// time, its connections in turn; the rest waits.

import { reading as limits } from "../limits.ts";
import type { ShareOwner } from "../share-owner.ts";

export interface Reader {
  /** Whether anything waits. */
  readonly hasUnread: boolean;
  /** Reads a little of it; returns its bytes. */
  readSome(): number;
}

/** One owner: when its window began, and what of it has been used. */
type Turn = { sinceMs: number; usedMs: number; usedBytes: number; readonly waiting: Set<Reader> };

export class ReadingTurns {
  readonly #turns = new Map<string, Turn>();
  readonly #now: () => number;
  readonly #later: (run: () => void) => unknown;
  #isScheduled = false;

  /** `now`: milliseconds; `later` calls back once, in another pass of the loop. */
  constructor(
    now: () => number = () => performance.now(),
    later: (run: () => void) => unknown = (run) => setTimeout(run, 1),
  ) {
    this.#now = now;
    this.#later = later;
  }

  /** Something has come for the reader: reads as much as its owner may have read now. */
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

  /** Owners known. */
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
    if (nowMs - turn.sinceMs >= limits.windowMs) {
      turn.sinceMs = nowMs;
      turn.usedMs = 0;
      turn.usedBytes = 0;
    }
    return turn.usedMs < limits.sliceMs && turn.usedBytes < limits.sliceBytes;
  }

  #readSome(turn: Turn, reader: Reader): void {
    const beganMs = this.#now();
    turn.usedBytes += reader.readSome();
    turn.usedMs += this.#now() - beganMs;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#later(this.#continue);
  }

  readonly #continue = (): void => {
    this.#isScheduled = false;
    let isWaiting = false;
    for (const turn of this.#turns.values()) {
      for (const reader of turn.waiting) {
        if (!this.#mayRead(turn)) break;
        // Whoever had a turn is last the next time.
        turn.waiting.delete(reader);
        this.#readSome(turn, reader);
        if (reader.hasUnread) turn.waiting.add(reader);
      }
      isWaiting ||= turn.waiting.size > 0;
    }
    if (isWaiting) this.#schedule();
  };
}
