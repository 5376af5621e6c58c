// Turns for long tasks that run in slices: in each iteration of the event loop a few waiters get a
// turn, in order of their requests.

export class Turns {
  readonly #perTurn: number;
  readonly #waiting: (() => void)[] = [];

  constructor(perTurn: number) {
    this.#perTurn = perTurn;
  }

  /** Resolves when it is the caller's turn. */
  next(): Promise<void> {
    return new Promise((go) => {
      if (this.#waiting.push(go) === 1) setImmediate(this.#grant);
    });
  }

  readonly #grant = (): void => {
    for (const go of this.#waiting.splice(0, this.#perTurn)) go();
    if (this.#waiting.length > 0) setImmediate(this.#grant);
  };
}
