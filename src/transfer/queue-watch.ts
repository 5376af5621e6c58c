// Does a queue stand on the path? Asked by startup, which then has filled the pipe. Pure.

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
