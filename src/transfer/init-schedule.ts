// When the receiver sends INIT, until there is a cookie. Pure.

import { transfer as limit } from "../limits.ts";

/** The first INITs follow each other so soon, in µs: 96 bytes each, where a lost one would cost a small file's whole time. */
const earlyWaitsUs = [25_000, 75_000, 200_000] as const;

export class InitSchedule {
  /** When the next one is due; the first at once. */
  dueUs = 0;
  /** When the first one left: no answer can be to an older one. */
  firstUs = 0;
  private tries = 0;

  /** One has left; the wait for the next doubles in the end, up to a bound. */
  sent(nowUs: number): void {
    if (this.tries === 0) this.firstUs = nowUs;
    const doublings = Math.min(this.tries - earlyWaitsUs.length, 16);
    const waitUs = earlyWaitsUs[this.tries] ?? limit.initTimeoutUs * 2 ** doublings;
    this.dueUs = nowUs + Math.min(waitUs, limit.maxProbeTimeoutUs);
    this.tries++;
  }
}
