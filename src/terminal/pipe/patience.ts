// How long a client in a pipe waits for its server: for a connection, and for answers to what it
// has sent; and how long a program waits for an answer to its offer of files.

/** A timer later than this did not run: the program was stopped, by Ctrl-Z for example. */
const stoppedMs = 1_000;

export class Patience {
  readonly #waitMs: number;
  readonly #giveUp: () => void;
  #timer: Timer | undefined;
  #dueMs = 0;

  constructor(waitMs: number, giveUp: () => void) {
    this.#waitMs = waitMs;
    this.#giveUp = giveUp;
  }

  /** The client waits, or still does. */
  wait(): void {
    if (this.#timer !== undefined) return;
    this.#dueMs = performance.now() + this.#waitMs;
    this.#timer = setTimeout(() => this.#expired(), this.#waitMs);
  }

  /** It waits no longer. */
  end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #expired(): void {
    this.#timer = undefined;
    // What the server has sent meanwhile has not been read yet.
    if (performance.now() - this.#dueMs > stoppedMs) return this.wait();
    this.#giveUp();
  }
}
