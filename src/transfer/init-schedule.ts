// When the receiver sends INIT, until it has a cookie. Pure.

import { transfer as limit } from "../limits.ts";

/**
 * Waits between the first INITs, in µs: 96 bytes each, while a lost one would cost a small file its
 * whole time.
 */
const earlyWaitsUs = [25_000, 75_000, 200_000] as const;

export class InitSchedule {
  /** When the next one is due; the first at once. */
  dueUs = 0;
  /** When the first one was sent: no answer can be to an older one. */
  firstUs = 0;
  private count = 0;

  /** One was sent; the later waits double, up to a cap. */
  onSent(nowUs: number): void {
    if (this.count === 0) this.firstUs = nowUs;
    const doublings = Math.min(this.count - earlyWaitsUs.length, 16);
    const waitUs = earlyWaitsUs[this.count] ?? limit.initTimeoutUs * 2 ** doublings;
    this.dueUs = nowUs + Math.min(waitUs, limit.maxProbeTimeoutUs);
    this.count++;
  }
}
