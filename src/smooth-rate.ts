// The rate of a transfer, smoothed over about a second, so that the remaining time does not jump.
// Pure.

/** Shorter intervals are not meaningful. */
const leastMs = 150;

export class SmoothRate {
  #bytes = 0;
  #atMs: number | undefined;
  #perSecond = 0;

  /** Bytes per second, given the total number of bytes by now; the first call starts the clock. */
  at(bytes: number, nowMs: number): number {
    const elapsedMs = nowMs - (this.#atMs ?? nowMs);
    if (this.#atMs !== undefined && elapsedMs < leastMs) return Math.round(this.#perSecond);
    if (elapsedMs > 0) {
      const now = Math.max(0, ((bytes - this.#bytes) / elapsedMs) * 1_000);
      const share = this.#perSecond === 0 ? 1 : Math.min(1, elapsedMs / 1_000);
      this.#perSecond += (now - this.#perSecond) * share;
    }
    this.#bytes = bytes;
    this.#atMs = nowMs;
    return Math.round(this.#perSecond);
  }

  /** The time until now does not count: nothing could arrive. */
  resume(nowMs: number): void {
    this.#atMs = nowMs;
  }

  /** Seconds that `bytes` more will take, to a tenth; null: unknown. */
  secondsFor(bytes: number): number | null {
    return this.#perSecond > 0 ? Math.round((10 * bytes) / this.#perSecond) / 10 : null;
  }
}
