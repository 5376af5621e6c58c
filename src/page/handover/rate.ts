// The rate of a transfer, smoothed over about a second. Pure.

/** Shorter intervals are not meaningful. */
const leastMs = 150;

export class Rate {
  #bytes = 0;
  #atMs: number | undefined;
  #perSecond = 0;

  /** Bytes per second, given the total number of bytes by now. */
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
}
