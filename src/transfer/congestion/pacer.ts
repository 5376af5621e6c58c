// Paces by credit that accrues over time. Late timers are made up for, so that 1 ms timers don't
// cap the rate; a bound prevents a flood after a long sleep. Pure.

/**
 * Credit accrues for at least this long, so that a fast path needs at most a thousand REQUESTs a
 * second.
 */
const quantumUs = 1_000;

export class Pacer {
  private credit = 0;
  private atUs: number | undefined;

  /** Accrues credit until `nowUs` at `bytesPerUs`, at most `burstUs` of it or two segments. */
  update(nowUs: number, bytesPerUs: number, segmentBytes: number, burstUs: number): void {
    const elapsedUs = this.atUs === undefined ? 0 : Math.max(0, nowUs - this.atUs);
    this.atUs = nowUs;
    const bound = Math.max(bytesPerUs * burstUs, 2 * segmentBytes);
    this.credit = Math.min(this.credit + elapsedUs * bytesPerUs, bound);
  }

  /**
   * Bytes that may be requested now, `aheadBytes` of them in advance; 0 until a quantum has
   * accrued.
   */
  available(bytesPerUs: number, segmentBytes: number, aheadBytes: number): number {
    const credit = this.credit + aheadBytes;
    return credit + 1e-6 >= quantum(bytesPerUs, segmentBytes) ? credit : 0;
  }

  spend(bytes: number): void {
    this.credit -= bytes;
  }

  /** When a quantum of credit will have accrued, in µs. */
  readyUs(nowUs: number, bytesPerUs: number, segmentBytes: number, aheadBytes: number): number {
    const lacking = quantum(bytesPerUs, segmentBytes) - this.credit - aheadBytes;
    if (lacking <= 0) return nowUs;
    return (this.atUs ?? nowUs) + Math.ceil(lacking / bytesPerUs);
  }
}

function quantum(bytesPerUs: number, segmentBytes: number): number {
  return Math.max(segmentBytes, bytesPerUs * quantumUs);
}
