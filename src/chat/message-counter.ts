// The counter `n` of a session's messages: how far they have been taken, and settled in the log. It makes a
// message that is sent again count once. Pure.

export class MessageCounter {
  /** Highest counter taken: in the log, on its way there, or used up by a refusal. */
  #taken = 0;
  /** Everything up to here is settled for good. */
  #settled = 0;
  /** A counter that was refused for now: what comes after it is ignored until it comes again. 0: none. */
  #refused = 0;

  get taken(): number {
    return this.#taken;
  }

  get settled(): number {
    return this.#settled;
  }

  /** The session goes on where its record, or its other connection, has got to. */
  restore(n: number): void {
    this.#taken = this.#settled = n;
    this.#refused = 0;
  }

  /** Message `n`, the next one, has been taken, whatever becomes of it. */
  take(n: number): void {
    if (n !== this.#taken + 1) throw new Error(`Took message ${n} after ${this.#taken}`);
    this.#taken = n;
    // A copy of it was refused, while it waited itself.
    if (n === this.#refused) this.#refused = 0;
  }

  /** Everything up to `n` is settled. */
  settle(n: number): void {
    if (n < this.#settled || n > this.#taken) {
      throw new Error(`Settled ${n} outside ${this.#settled}..${this.#taken}`);
    }
    this.#settled = n;
  }

  /** What was taken and is not settled did not get into the log; answers the first counter of it, 0 if there is none. */
  withdraw(): number {
    if (this.#taken === this.#settled) return 0;
    this.#taken = this.#settled;
    this.#refused = this.#settled + 1;
    return this.#refused;
  }

  /** Message `n` is refused for now: it and what follows may come again. */
  refuse(n: number): void {
    if (n > this.#taken) this.#refused = n;
  }

  /** Whether message `n` comes after one that was refused: its sender goes back to that one. */
  followsRefusal(n: number): boolean {
    if (this.#refused === 0 || n < this.#refused) return false;
    if (n > this.#refused) return true;
    this.#refused = 0;
    return false;
  }
}
