// Does a queue stand on the path? Startup asks, which then has filled the pipe, and so does probing on short paths. Pure.
// The round trips that they are told are without the pauses in which nothing came: those are no queue.

import type { RttEstimator } from "./rtt.ts";

/** A queue shows if every round trip of two blocks in a row is longer than the least by this (HyStart++, RFC 9406 §4.2:
 *  an eighth of a round trip within these bounds), or by what the path's own jitter explains. A block is an eighth of a
 *  round, and some samples. */
const minQueueUs = 4_000;
const maxQueueUs = 16_000;
const minBlockSamples = 8;

export class QueueWatch {
  private sinceUs = 0;
  private leastUs = Infinity;
  private samples = 0;
  private queuedBlocks = 0;

  constructor(private readonly rtt: RttEstimator) {}

  reset(): void {
    this.queuedBlocks = 0;
  }

  /** Note the least round trip of a batch of arrivals; true when it completes the proof. */
  stands(nowUs: number, netRttUs: number): boolean {
    this.leastUs = Math.min(this.leastUs, netRttUs);
    this.samples++;
    const { minUs, netVarianceUs } = this.rtt;
    if (this.samples < minBlockSamples || nowUs - this.sinceUs < minUs / 8) return false;
    const usual = Math.min(maxQueueUs, Math.max(minQueueUs, minUs / 8));
    const queued = this.leastUs > minUs + Math.max(usual, 2 * netVarianceUs);
    this.queuedBlocks = queued ? this.queuedBlocks + 1 : 0;
    this.sinceUs = nowUs;
    this.leastUs = Infinity;
    this.samples = 0;
    return this.queuedBlocks >= 2;
  }
}

/** Below this, in µs, the moments in which a process does not run are as long as a round trip, and a queue is as short. */
const shortRttUs = 20_000;
/** A batch of arrivals is late if its least round trip is longer than the path's by this, in µs. */
const lateUs = 600;
const minLateBatches = 2;

/** On such paths samples of the rate err on the high side, and a queue that stands is nearly always our own. */
export function isShortPath(minRttUs: number): boolean {
  return minRttUs < shortRttUs;
}

/** A run of late batches: tells sooner than QueueWatch, where a queue is too short for that one's blocks. */
export class LateRun {
  private sinceUs = 0;
  private batches = 0;

  /** Note the least round trip of a batch of arrivals, and the path's. */
  note(nowUs: number, leastUs: number, minRttUs: number): void {
    if (leastUs > minRttUs + lateUs) this.batches++;
    else {
      this.batches = 0;
      this.sinceUs = nowUs;
    }
  }

  /** For how long every batch has been late, in µs; 0 as long as there are too few. */
  lastsUs(nowUs: number): number {
    return this.batches < minLateBatches ? 0 : nowUs - this.sinceUs;
  }
}
