// Ends the wait for a database that no longer answers, for example because its machine has failed
// silently. The wait is counted in ticks and not read from a clock, so that a suspended process
// does not give up on an answer that has arrived meanwhile.

type Waiting = { readonly sinceTick: number; readonly fail: () => void };

export class StallWatch {
  readonly #maxTicks: number;
  readonly #tickMs: number;
  readonly #waiting = new Set<Waiting>();
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
    const waiting = { sinceTick: this.#tick, fail: () => reject(stalled()) };
    this.#waiting.add(waiting);
    this.#timer ??= this.#start();
    try {
      return await Promise.race([work, promise]);
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
  }

  #handleTick(): void {
    this.#tick++;
    for (const { sinceTick, fail } of this.#waiting) {
      if (this.#tick - sinceTick > this.#maxTicks) fail();
    }
  }
}
