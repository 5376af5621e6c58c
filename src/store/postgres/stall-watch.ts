// Ends the wait for a database that no longer answers, for example because its machine has failed
// silently. A request may also wait for many before it: as long as those are answered, however
// slowly, the database is not silent. The wait is counted in ticks and not read from a clock, so
// that a suspended process does not give up on an answer that has arrived meanwhile.

type Waiting = { readonly number: number; readonly sinceTick: number; readonly fail: () => void };

export class StallWatch {
  readonly #maxTicks: number;
  readonly #tickMs: number;
  readonly #waiting = new Set<Waiting>();
  /** For each of the last ticks, the request begun first among those answered then. */
  #firstAnswered: number[] = [];
  #number = 0;
  #tick = 0;
  #timer: Timer | undefined;

  /** Work that takes more than `maxTicks` counts as stalled. */
  constructor(maxTicks: number, tickMs = 1_000) {
    this.#maxTicks = maxTicks;
    this.#tickMs = tickMs;
  }

  /** The result of `work`. @throws `stalled()` if it takes too long */
  async guard<T>(work: Promise<T>, stalled: () => Error): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    const number = ++this.#number;
    const waiting = { number, sinceTick: this.#tick, fail: () => reject(stalled()) };
    this.#waiting.add(waiting);
    this.#timer ??= this.#start();
    try {
      const result = await Promise.race([work, promise]);
      const [first = Infinity] = this.#firstAnswered;
      this.#firstAnswered[0] = Math.min(first, number);
      return result;
    } finally {
      this.#waiting.delete(waiting);
      if (this.#waiting.size === 0) this.#stop();
    }
  }

  #start(): Timer {
    const timer = setInterval(() => this.#handleTick(), this.#tickMs);
    timer.unref();
    return timer;
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#firstAnswered = [];
  }

  #handleTick(): void {
    this.#tick++;
    const firstAnswered = Math.min(...this.#firstAnswered);
    for (const { number, sinceTick, fail } of this.#waiting) {
      if (this.#tick - sinceTick > this.#maxTicks && number < firstAnswered) fail();
    }
    this.#firstAnswered = [Infinity, ...this.#firstAnswered.slice(0, this.#maxTicks - 1)];
  }
}
