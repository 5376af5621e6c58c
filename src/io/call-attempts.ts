// The connections that are tried for one call, side by side: the first over which the other end has
// shown who it is carries the call, and the others are closed. Pure.

/** A connection, or an attempt at one. */
type CallAttempt = { cut(): void };

export class CallAttempts {
  readonly #attempts = new Set<CallAttempt>();
  readonly #over = Promise.withResolvers<"won" | "given up">();
  #isOver = false;

  /** Somebody else has answered, or shown another key. */
  untrusted: string | undefined;

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves when a connection carries the call, or when all were closed. */
  get over(): Promise<"won" | "given up"> {
    return this.#over.promise;
  }

  add(attempt: CallAttempt): void {
    if (this.#isOver) attempt.cut();
    else this.#attempts.add(attempt);
  }

  /** Something else closes it from now on. */
  forget(attempt: CallAttempt): void {
    this.#attempts.delete(attempt);
  }

  /** Whether this connection carries the call: the first one does. */
  win(attempt: CallAttempt): boolean {
    if (this.#isOver) return false;
    this.#attempts.delete(attempt);
    this.#over.resolve("won");
    this.close();
    return true;
  }

  close(): void {
    this.#isOver = true;
    this.#over.resolve("given up");
    for (const attempt of this.#attempts) attempt.cut();
    this.#attempts.clear();
  }
}
