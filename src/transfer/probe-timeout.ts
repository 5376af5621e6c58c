// Timers for the case that nothing arrives: probes with exponential backoff (RFC 9002 §6.2), and
// the stall timeout. Pure. Times are in µs.

import { udpTransfer as limit } from "../limits.ts";
import type { RttEstimator } from "./congestion/rtt.ts";

/** Keeps the doubling finite; the wait is capped long before this. */
const maxDoublings = 16;

export class ProbeTimeout {
  /** Consecutive probe timeouts. */
  probes = 0;
  private restartedUs = 0;
  private progressUs = -1;

  constructor(
    private readonly rtt: RttEstimator,
    private readonly stallTimeoutUs: number,
  ) {}

  /** Starts the stall timer. Later calls do nothing. */
  start(nowUs: number): void {
    if (this.progressUs < 0) this.progressUs = nowUs;
  }

  /** Something arrived: no probe is due. */
  onReceived(nowUs: number): void {
    this.restart(nowUs);
    this.probes = 0;
  }

  /** Restarts the probe timer. */
  restart(nowUs: number): void {
    this.restartedUs = nowUs;
  }

  /** Restarts the stall timer: new bytes arrived, or the transfer now waits for something else. */
  onProgress(nowUs: number): void {
    this.progressUs = nowUs;
  }

  onProbe(nowUs: number): void {
    this.probes++;
    this.restart(nowUs);
  }

  /** When the transfer counts as stalled; Infinity before it begins. */
  get stallAtUs(): number {
    return this.progressUs < 0 ? Infinity : this.progressUs + this.stallTimeoutUs;
  }

  /** When to send a probe unless something arrives; Infinity while nothing is expected. */
  probeAtUs(inFlightSegments: number): number {
    if (inFlightSegments === 0 && this.probes === 0) return Infinity;
    const base = this.rtt.probeTimeoutUs(limit.initTimeoutUs);
    const doubled = base * 2 ** Math.min(this.probes, maxDoublings);
    return this.restartedUs + Math.min(doubled, limit.maxProbeTimeoutUs + base);
  }
}
