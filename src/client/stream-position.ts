// The read position in a numbered stream (a room's log, the mailbox): drops duplicates, detects
// gaps, and knows when a replay is complete. Knows no messages and no time.

/**
 * How a stream continues after a login: everything missed follows, only part of it does, or it is a
 * different stream.
 */
export type Continuation = "recovered" | "trimmed" | "restarted";

/** What an arriving number means. `missing`: skipped numbers that never arrived. */
export type Arrival =
  | { fresh: false }
  | { fresh: true; replayed: boolean; missing: { from: number; to: number } | undefined };

const stale: Arrival = { fresh: false };

export class StreamPosition {
  #last: number | undefined;
  /** The next number may follow a gap. */
  #mayJump = false;
  /** Numbers up to this one belong to a replay. */
  #replayEnd = 0;
  #caughtUp = 0;

  /** `last` is the last number read; undefined if no history is wanted. */
  constructor(last?: number) {
    this.#last = last;
  }

  get last(): number | undefined {
    return this.#last;
  }

  /** Whether everything promised by the last login has arrived. */
  get complete(): boolean {
    return (this.#last ?? 0) >= this.#replayEnd;
  }

  /** Messages replayed since the last login. */
  get caughtUp(): number {
    return this.#caughtUp;
  }

  /**
   * Logged in: live messages continue after `seq`, preceded by those that were missed. Returns how
   * the stream continues for this reader.
   */
  resume(how: Continuation, seq: number): Continuation {
    const last = this.#last;
    this.#caughtUp = 0;
    this.#replayEnd = seq;
    if (last === undefined) {
      this.#last = seq;
      this.#mayJump = false;
      return "recovered";
    }
    // What the server kept of another stream may begin with any number. One that ends before the
    // read position has lost its end, and may have used some numbers again.
    const isOther = how === "restarted" || (how === "trimmed" && last > seq);
    this.#last = isOther ? 0 : Math.min(last, seq);
    this.#mayJump = how !== "recovered";
    return how;
  }

  arrive(number: number): Arrival {
    const last = this.#last ?? 0;
    if (number <= last) return stale;
    const expected = last + 1;
    const missing =
      number > expected && !this.#mayJump ? { from: expected, to: number - 1 } : undefined;
    this.#last = number;
    this.#mayJump = false;
    const replayed = number <= this.#replayEnd;
    if (replayed) this.#caughtUp++;
    return { fresh: true, replayed, missing };
  }
}
