// The cycle in which a running transfer asks for a little more than there was, and lets go of what that has queued
// (draft-ietf-ccwg-bbr-00 §4.3.3 and BBRv1: eight phases). Pure. Rates are bytes per µs.

import { isShortPath, type LateRun } from "./queue-delay.ts";
import type { RttEstimator } from "./rtt.ts";

/** One round each; the first asks for more than there was, the second lets the queue of the first go. */
const gains = [1.25, 0.75, 1, 1, 1, 1, 1, 1] as const;
/** The rate while a queue stands: lets it go, for the maximum of many samples is a little above the truth. */
const queuedGain = 0.97;
const shortQueuedGain = 0.95;
/** Probing that brings this much more has not met the path's end … */
const notFull = 1.12;
/** … and this much more was worth it. Where it was not, a short path waits twice as long for the next, and so on. */
const worthwhile = 1.05;
const maxPatience = 8;
/** There a phase lasts so long at least, and one that asks for more until a queue stands, or so long at most: what it brings is seen
 *  only by a rate that is taken over longer than a round trip (`SlidingRate`). */
const shortPhaseUs = 5_000;
const shortProbeUs = 25_000;
const queueStandsUs = 500;

/** What an end of a phase means: go on, or `more`: there is much more to be had. */
export type CycleStep = "stay" | "next" | "more";

export class ProbeCycle {
  private phase = 2;
  private sinceUs = 0;
  /** The estimate when the last probing began. */
  private probedFrom = Infinity;
  private patience = 1;

  constructor(private readonly rtt: RttEstimator) {}

  /** Asking for more than there was. */
  get isProbing(): boolean {
    return this.phase === 0;
  }

  /** Neither probing nor letting go of what it has queued. */
  get isCruising(): boolean {
    return this.phase > 1;
  }

  gain(isQueued: boolean): number {
    const own = gains[this.phase]!;
    if (own !== 1 || !isQueued) return own;
    return isShortPath(this.rtt.minUs) ? shortQueuedGain : queuedGain;
  }

  /** Begin with a whole stretch of cruising. */
  start(nowUs: number): void {
    this.phase = 2;
    this.sinceUs = nowUs;
  }

  /** What was found is not true any more: look again soon. */
  hurry(): void {
    this.patience = 1;
  }

  /** Probing has met loss: go on to letting go, at once. */
  stopProbing(): void {
    if (this.phase === 0) this.phase = 1;
  }

  /** `inFlight` and `product` (bandwidth times round trip) in bytes. */
  advance(
    nowUs: number,
    bandwidth: number,
    inFlight: number,
    product: number,
    isQueued: boolean,
    late: LateRun,
  ): CycleStep {
    if (!this.isOver(nowUs, inFlight, product, late)) return "stay";
    if (this.phase === gains.length - 1) this.probedFrom = bandwidth;
    // What probing has brought shows a round later. Much more than before, and no queue: the pipe was not full at all.
    if (this.phase === 1) {
      const found = bandwidth / this.probedFrom;
      this.patience = found > worthwhile ? 1 : Math.min(maxPatience, this.patience * 2);
      if (found > notFull && !isQueued) return "more";
    }
    this.phase = (this.phase + 1) % gains.length;
    this.sinceUs = nowUs;
    return "next";
  }

  private isOver(nowUs: number, inFlight: number, product: number, late: LateRun): boolean {
    const { minUs } = this.rtt;
    const elapsedUs = nowUs - this.sinceUs;
    const isShort = isShortPath(minUs);
    const gain = gains[this.phase]!;
    if (gain < 1) return elapsedUs >= minUs || inFlight <= product;
    if (gain === 1) {
      return elapsedUs >= (isShort ? Math.max(minUs, shortPhaseUs * this.patience) : minUs);
    }
    if (elapsedUs < minUs) return false;
    if (isShort) return late.lastsUs(nowUs) > queueStandsUs || elapsedUs >= shortProbeUs;
    return inFlight >= gain * product || elapsedUs >= 2 * minUs;
  }
}
