// Whether a process runs: it may be paused, like by SIGSTOP, and handle events of that time later;
// and it ends permanently.

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

  /** `settle` is called after each of the delayed events. */
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
