// When the receiver sends INIT, until it has a cookie. Pure.

import { transfer as limit } from "../limits.ts";

/**
 * Waits between the first INITs, in µs. They have 96 bytes each, while a lost one would dominate
 * the time for a small file.
 */
const earlyWaitsUs = [25_000, 75_000, 200_000] as const;

export class InitSchedule {
  /** When the next one is due; the first is due at once. */
  dueUs = 0;
  /** When the first one was sent: a bound on the round trip of any answer. */
  firstUs = 0;
  private count = 0;

  /** An INIT was sent. After the first waits, waits double up to a cap. */
  onSent(nowUs: number): void {
    if (this.count === 0) this.firstUs = nowUs;
    const doublings = Math.min(this.count - earlyWaitsUs.length, 16);
    const waitUs = earlyWaitsUs[this.count] ?? limit.initTimeoutUs * 2 ** doublings;
    this.dueUs = nowUs + Math.min(waitUs, limit.maxProbeTimeoutUs);
    this.count++;
  }
}
