// Turns for long work that goes on in slices: a few of those who wait have one in each turn of the
// event loop, in the order in which they asked.

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
