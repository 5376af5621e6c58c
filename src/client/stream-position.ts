// How far a numbered stream has been read: a room's log, or the mailbox. Drops what was seen
// before, finds gaps, and knows when a replay is complete. Knows no messages and no time.

/**
 * How the stream goes on after a login: all that was missed follows, only some of it, or it is
 * another stream.
 */
export type Continuation = "recovered" | "trimmed" | "restarted";

/** What an arriving number means. `missing` are the numbers before it that never came. */
export type Arrival =
  | { fresh: false }
  | { fresh: true; replayed: boolean; missing: { from: number; to: number } | undefined };

const stale: Arrival = { fresh: false };

export class StreamPosition {
  #last: number | undefined;
  /** The next number may be any. */
  #mayJump = false;
  /** Numbers up to this one are a replay. */
  #replayEnd = 0;
  #caughtUp = 0;

  /** `last`: the number read last; undefined: nothing of the past is wanted. */
  constructor(last?: number) {
    this.#last = last;
  }

  get last(): number | undefined {
    return this.#last;
  }

  /** All that the last login promised has arrived. */
  get complete(): boolean {
    return (this.#last ?? 0) >= this.#replayEnd;
  }

  /** Messages that the replay after the last login has brought. */
  get caughtUp(): number {
    return this.#caughtUp;
  }

  /**
   * Logged in: live messages go on after `seq`, what was missed comes before. Returns how it went
   * from where we were.
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
    // What the server still has of another stream may begin with any number. A stream that is
    // shorter than what was read of it goes on from its end, or its next messages would be dropped.
    this.#last = how === "restarted" ? 0 : Math.min(last, seq);
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
