// A token bucket (RFC 2697 without colours) over a time that is handed in: what a sender, or a list, may still spend.

export class TokenBucket {
  #tokens: number;
  #filledMs: number;

  /** `perSecond` units flow in, at most `burst` are kept. It starts full at `nowMs`. */
  constructor(
    readonly perSecond: number,
    readonly burst: number,
    nowMs: number,
  ) {
    this.#tokens = burst;
    this.#filledMs = nowMs;
  }

  /** Takes `units` if the bucket holds anything at all; it may go into debt by one purchase, which keeps big ones possible. */
  take(units: number, nowMs: number): boolean {
    this.#fill(nowMs);
    if (this.#tokens <= 0) return false;
    this.#tokens -= units;
    return true;
  }

  /** Takes `units`, whether they are there or not: what is owed has to flow in first. */
  charge(units: number, nowMs: number): void {
    this.#fill(nowMs);
    this.#tokens -= units;
  }

  /** Milliseconds until `take` can succeed again; 0 if it can now. */
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
