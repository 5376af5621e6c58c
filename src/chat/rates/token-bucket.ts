// A token bucket (RFC 2697 without colours) that takes the time as a parameter.

export class TokenBucket {
  #tokens: number;
  #filledMs: number;

  /** Refills at `perSecond` up to `burst`. Starts full at `nowMs`. */
  constructor(
    readonly perSecond: number,
    readonly burst: number,
    nowMs: number,
  ) {
    this.#tokens = burst;
    this.#filledMs = nowMs;
  }

  /**
   * Takes `units` if the bucket is not empty. May go into debt once, so that large amounts are
   * possible.
   */
  take(units: number, nowMs: number): boolean {
    this.#fill(nowMs);
    if (this.#tokens <= 0) return false;
    this.#tokens -= units;
    return true;
  }

  /** Takes `units` unconditionally; the debt must be refilled first. */
  charge(units: number, nowMs: number): void {
    this.#fill(nowMs);
    this.#tokens -= units;
  }

  /** Returns units that were taken needlessly. */
  giveBack(units: number, nowMs: number): void {
    this.#fill(nowMs);
    this.#tokens = Math.min(this.burst, this.#tokens + units);
  }

  /** Milliseconds until `take` can succeed; 0 if now. */
  waitMs(nowMs: number): number {
    this.#fill(nowMs);
    return this.#tokens > 0
      ? 0
      : Math.max(1, Math.ceil(((1e-9 - this.#tokens) / this.perSecond) * 1000));
  }

  #fill(nowMs: number): void {
    if (nowMs <= this.#filledMs) return;
    const filled = this.#tokens + ((nowMs - this.#filledMs) / 1000) * this.perSecond;
    this.#tokens = Math.min(this.burst, filled);
    this.#filledMs = nowMs;
  }
}
