// When the receiver sends INIT, until it has received a cookie. Pure.

import { udpTransfer as limit } from "../limits.ts";

/**
 * Waits between the first INITs, in µs. An INIT has only 96 bytes, while a lost one would dominate
 * the time for a small file.
 */
const earlyWaitsUs = [25_000, 75_000, 200_000] as const;

export class InitSchedule {
  /** When the next INIT is due; the first is due immediately. */
  dueUs = 0;
  /** When the first INIT was sent: bounds the round trip of any answer. */
  firstUs = 0;
  private count = 0;

  /** Call after sending an INIT. After the first waits, waits double up to a cap. */
  onSent(nowUs: number): void {
    if (this.count === 0) this.firstUs = nowUs;
    const doublings = Math.min(this.count - earlyWaitsUs.length, 16);
    const waitUs = earlyWaitsUs[this.count] ?? limit.initTimeoutUs * 2 ** doublings;
    this.dueUs = nowUs + Math.min(waitUs, limit.maxProbeTimeoutUs);
    this.count++;
  }
}
