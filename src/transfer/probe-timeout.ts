// What is due when nothing comes: a probe, with back-off (RFC 9002 §6.2), and in the end the word that the transfer is stalled.
// Pure. Times are in µs.

import { transfer as limit } from "../limits.ts";
import type { RttEstimator } from "./congestion/rtt.ts";

/** Doublings of the probe timeout that are told apart; the wait is bounded long before. */
const maxDoublings = 16;

export class Silence {
  /** Probe timeouts in a row. */
  probes = 0;
  private activityUs = 0;
  private newBytesUs = -1;

  constructor(
    private readonly rtt: RttEstimator,
    private readonly stallTimeoutUs: number,
  ) {}

  /** The transfer begins: a stall is counted from here, once. */
  begin(nowUs: number): void {
    if (this.newBytesUs < 0) this.newBytesUs = nowUs;
  }

  /** Something has come: probes are not due any more. */
  heard(nowUs: number): void {
    this.active(nowUs);
    this.probes = 0;
  }

  /** Something was begun anew: the next probe is counted from here. */
  active(nowUs: number): void {
    this.activityUs = nowUs;
  }

  /** There is progress, or what was waited for has changed: a stall is counted from here. */
  progress(nowUs: number): void {
    this.newBytesUs = nowUs;
  }

  /** A probe timeout has come. */
  probed(nowUs: number): void {
    this.probes++;
    this.active(nowUs);
  }

  /** When the transfer counts as stalled; Infinity before it has begun. */
  get stallAtUs(): number {
    return this.newBytesUs < 0 ? Infinity : this.newBytesUs + this.stallTimeoutUs;
  }

  /** When to probe if nothing comes before; Infinity while nothing is waited for. */
  probeAtUs(inFlightSegments: number): number {
    if (inFlightSegments === 0 && this.probes === 0) return Infinity;
    const base = this.rtt.probeTimeoutUs(limit.initTimeoutUs);
    const doubled = base * 2 ** Math.min(this.probes, maxDoublings);
    return this.activityUs + Math.min(doubled, limit.maxProbeTimeoutUs + base);
  }
}
