// BBR's ProbeBW cycle: probes for more bandwidth, drains the resulting queue, then cruises
// (draft-ietf-ccwg-bbr-00 §4.3.3 and BBRv1: eight phases). Pure. Rates are bytes per µs.

import { isShortPath, type LateStreak } from "./queue-delay.ts";
import type { RttEstimator } from "./rtt.ts";

/** Pacing gains of one round each: the first probes, the second drains the resulting queue. */
const gains = [1.25, 0.75, 1, 1, 1, 1, 1, 1] as const;
/**
 * Gain during a standing queue. It drains the queue, since the maximum of many samples is a little
 * too high.
 */
const queuedGain = 0.97;
const shortQueuedGain = 0.95;
/** If probing raises the estimate by this factor, the pipe was not full: startup resumes. */
const notFull = 1.12;
/**
 * If probing raises the estimate by less than this factor, it was not worth it: on a short path the
 * wait for the next probe doubles.
 */
const worthwhile = 1.05;
const maxBackoff = 8;
/**
 * On a short path a phase lasts at least `shortPhaseUs`. Probing lasts until a queue stands, at
 * most `shortProbeUs`, since its effect only shows in a rate measured over more than a round trip
 * (`SlidingRate`).
 */
const shortPhaseUs = 5_000;
const shortProbeUs = 25_000;
const queueStandsUs = 500;

/**
 * `next`: a phase has ended. `refill`: probing found so much more bandwidth that startup resumes.
 */
export type ProbeBwStep = "stay" | "next" | "refill";

export class ProbeBwCycle {
  private phase = 2;
  private sinceUs = 0;
  /** The estimate at the start of the last probe. */
  private probedFrom = Infinity;
  private backoff = 1;

  constructor(private readonly rtt: RttEstimator) {}

  /** Whether the current phase probes for more bandwidth. */
  get isProbing(): boolean {
    return this.phase === 0;
  }

  /** Neither probing nor draining. */
  get isCruising(): boolean {
    return this.phase > 1;
  }

  gain(isQueued: boolean): number {
    const own = gains[this.phase]!;
    if (own !== 1 || !isQueued) return own;
    return isShortPath(this.rtt.minUs) ? shortQueuedGain : queuedGain;
  }

  /** Starts the cycle at its first cruising phase. */
  start(nowUs: number): void {
    this.phase = 2;
    this.sinceUs = nowUs;
  }

  /** The estimate is outdated: probe again soon. */
  probeSoon(): void {
    this.backoff = 1;
  }

  /**
   * Probing has caused loss, and ends. The queue is drained by the cap on the bytes in flight: a
   * phase of draining besides, which only begins if the probe was shorter than a round trip, costs
   * rate where the queue is small.
   */
  stopProbing(): void {
    if (this.phase === 0) this.phase = 1;
  }

  /** `inFlight` and `product` (bandwidth times round trip) are in bytes. */
  advance(
    nowUs: number,
    bandwidth: number,
    inFlight: number,
    product: number,
    isQueued: boolean,
    lateStreak: LateStreak,
  ): ProbeBwStep {
    if (!this.isOver(nowUs, inFlight, product, lateStreak)) return "stay";
    if (this.phase === gains.length - 1) this.probedFrom = bandwidth;
    // The result of probing shows one round later. Much more bandwidth and no queue: the pipe was
    // not full.
    if (this.phase === 1) {
      const found = bandwidth / this.probedFrom;
      this.backoff = found > worthwhile ? 1 : Math.min(maxBackoff, this.backoff * 2);
      if (found > notFull && !isQueued) return "refill";
    }
    this.phase = (this.phase + 1) % gains.length;
    this.sinceUs = nowUs;
    return "next";
  }

  private isOver(
    nowUs: number,
    inFlight: number,
    product: number,
    lateStreak: LateStreak,
  ): boolean {
    const { minUs } = this.rtt;
    const elapsedUs = nowUs - this.sinceUs;
    const isShort = isShortPath(minUs);
    const gain = gains[this.phase]!;
    if (gain < 1) return elapsedUs >= minUs || inFlight <= product;
    if (gain === 1) {
      return elapsedUs >= (isShort ? Math.max(minUs, shortPhaseUs * this.backoff) : minUs);
    }
    if (elapsedUs < minUs) return false;
    if (isShort) return lateStreak.durationUs(nowUs) > queueStandsUs || elapsedUs >= shortProbeUs;
    return inFlight >= gain * product || elapsedUs >= 2 * minUs;
  }
}
