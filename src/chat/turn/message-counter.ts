// Counts a session's messages (`n`): which are accepted and which are settled in the log, so that a
// resent message counts once. Pure.

import {
  noneRefused,
  recent,
  type RefusedNumbers,
  refusedUpTo,
  withMissed,
  withRefused,
} from "./refused-numbers.ts";

export class MessageCounter {
  /** Highest accepted counter: committed, in flight, or used up by a rejected message. */
  #taken = 0;
  /** Everything up to this number is settled for good. */
  #settled = 0;
  /** A temporarily refused counter; later ones are ignored until it is resent. 0: none. */
  #refused = 0;
  #refusals = noneRefused;

  get taken(): number {
    return this.#taken;
  }

  get settled(): number {
    return this.#settled;
  }

  /** Those of the last taken numbers whose messages were refused for good. */
  get refusals(): RefusedNumbers {
    return this.#refusals;
  }

  /** Continues from the session's record or its previous connection. */
  restore(n: number, refusals: RefusedNumbers): void {
    this.#taken = this.#settled = n;
    this.#refused = 0;
    this.#refusals = refusals;
  }

  /**
   * Accepts message `n`, which must be the next one, whatever becomes of it. `code`: it is refused
   * for good.
   */
  take(n: number, code?: string): void {
    if (n !== this.#taken + 1) throw new Error(`Took message ${n} after ${this.#taken}`);
    this.#taken = n;
    // A duplicate was refused while the message was queued.
    if (n === this.#refused) this.#refused = 0;
    this.#refusals =
      code === undefined ? recent(this.#refusals, n) : withRefused(this.#refusals, n, code);
  }

  /** The message that was taken last has not reached one of its recipients. */
  miss(code: string, to: string): void {
    this.#refusals = withMissed(this.#refusals, this.#taken, code, to);
  }

  /** Everything up to `n` is settled. */
  settle(n: number): void {
    if (n < this.#settled || n > this.#taken) {
      throw new Error(`Settled ${n} outside ${this.#settled}..${this.#taken}`);
    }
    this.#settled = n;
  }

  /**
   * Withdraws unsettled messages, because they were not committed. Returns the first counter, or 0.
   */
  withdraw(): number {
    if (this.#taken === this.#settled) return 0;
    this.#taken = this.#settled;
    this.#refusals = refusedUpTo(this.#refusals, this.#settled);
    this.#refused = this.#settled + 1;
    return this.#refused;
  }

  /** Refuses message `n` for now: it and all later ones must be resent. */
  refuse(n: number): void {
    if (n > this.#taken) this.#refused = n;
  }

  /** Whether message `n` follows a refused one and must be ignored. */
  followsRefusal(n: number): boolean {
    if (this.#refused === 0 || n < this.#refused) return false;
    if (n > this.#refused) return true;
    this.#refused = 0;
    return false;
  }
}
