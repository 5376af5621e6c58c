// Whether a process runs: it may be paused, as by SIGSTOP, and do later what has come meanwhile; and
// it ends for good.

export class Lifetime {
  isDead = false;
  #isPaused = false;
  #waiting: (() => void)[] = [];

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Does something now, or when the process runs again, in order; never if it is dead. */
  whenRunning(work: () => void): void {
    if (this.isDead) return;
    if (this.#isPaused) this.#waiting.push(work);
    else work();
  }

  pause(): void {
    this.#isPaused = true;
  }

  /** `settle` is called after each thing that has come meanwhile. */
  resume(settle: () => void): void {
    this.#isPaused = false;
    for (const work of this.#waiting.splice(0)) {
      if (this.isDead) return;
      work();
      settle();
    }
  }

  end(): void {
    this.isDead = true;
    this.#waiting = [];
  }
}
