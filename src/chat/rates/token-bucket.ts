// A token bucket (RFC 2697 without colours) that takes the time as a parameter.

/** Tokens that rounding may have lost. */
const rounding = 1e-6;

export class TokenBucket {
  #tokens: number;
  #filledMs: number;
  /** What must be there for anything to be taken. */
  readonly #least: number;

  /**
   * Refills at `perSecond` up to `burst`. Starts full at `nowMs`. `least`: what is usually taken,
   * if that is not one unit.
   */
  constructor(
    readonly perSecond: number,
    readonly burst: number,
    nowMs: number,
    least = 1,
  ) {
    this.#tokens = burst;
    this.#filledMs = nowMs;
    this.#least = Math.min(least, burst) - Math.min(rounding, least / 2);
  }

  /**
   * Takes `units` if the bucket has `least`, so that a burst of these never exceeds `burst`. More
   * may go into debt once, so that large amounts are possible.
   */
  take(units: number, nowMs: number): boolean {
    this.#fill(nowMs);
    if (this.#tokens < this.#least) return false;
    this.#tokens -= units;
    return true;
  }

  /** Takes `units` unconditionally; the debt must be refilled first. */
  charge(units: number, nowMs: number): void {
    this.#fill(nowMs);
    this.#tokens -= units;
  }

  /** Returns what was taken needlessly. */
  giveBack(nowMs: number, units = 1): void {
    this.#fill(nowMs);
    this.#tokens = Math.min(this.burst, this.#tokens + units);
  }

  /** Milliseconds until `take` can succeed; 0 if now. */
  waitMs(nowMs: number): number {
    this.#fill(nowMs);
    const missing = this.#least - this.#tokens;
    return missing <= 0 ? 0 : Math.max(1, Math.ceil((missing / this.perSecond) * 1000));
  }

  #fill(nowMs: number): void {
    if (nowMs <= this.#filledMs) return;
    const filled = this.#tokens + ((nowMs - this.#filledMs) / 1000) * this.perSecond;
    this.#tokens = Math.min(this.burst, filled);
    this.#filledMs = nowMs;
  }
}
