// The connections that are tried for one call, side by side: the first over which the other end has
// shown who it is carries the call, and the others are closed. Pure.

/** A connection, or an attempt at one. */
type Attempt = { cut(): void };

export class CallAttempts {
  readonly #attempts = new Set<Attempt>();
  readonly #won = Promise.withResolvers<"won">();
  #isOver = false;

  /** Somebody else has answered, or shown another key. */
  untrusted: string | undefined;

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves when a connection carries the call. */
  get won(): Promise<"won"> {
    return this.#won.promise;
  }

  add(attempt: Attempt): void {
    if (this.#isOver) attempt.cut();
    else this.#attempts.add(attempt);
  }

  /** Something else closes it from now on. */
  forget(attempt: Attempt): void {
    this.#attempts.delete(attempt);
  }

  /** Whether this connection carries the call: the first one does. */
  win(attempt: Attempt): boolean {
    if (this.#isOver) return false;
    this.#attempts.delete(attempt);
    this.close();
    this.#won.resolve("won");
    return true;
  }

  close(): void {
    this.#isOver = true;
    for (const attempt of this.#attempts) attempt.cut();
    this.#attempts.clear();
  }
}
