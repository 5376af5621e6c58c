// Detects a standing queue on the path: for startup, because the pipe is then full, and for probing
// on short paths. Pure. The round trips passed in exclude pauses in which nothing arrived, which
// are no sign of a queue.

import type { RttEstimator } from "./rtt.ts";

/**
 * A queue stands if every round trip of two consecutive blocks exceeds the minimum by an eighth,
 * within these bounds (HyStart++, RFC 9406 §4.2), and by more than the path's own jitter. A block
 * lasts an eighth of a round and has at least `minBlockSamples` samples.
 */
const minQueueUs = 4_000;
const maxQueueUs = 16_000;
const minBlockSamples = 8;

export class QueueDelay {
  private blockSinceUs = 0;
  private leastUs = Infinity;
  private samples = 0;
  private queuedBlocks = 0;

  constructor(private readonly rtt: RttEstimator) {}

  reset(): void {
    this.queuedBlocks = 0;
  }

  /** Records the minimum round trip of a batch of arrivals; true if a queue stands. */
  isStanding(nowUs: number, netRttUs: number): boolean {
    this.leastUs = Math.min(this.leastUs, netRttUs);
    this.samples++;
    const { minUs, netVarianceUs } = this.rtt;
    if (this.samples < minBlockSamples || nowUs - this.blockSinceUs < minUs / 8) return false;
    const usual = Math.min(maxQueueUs, Math.max(minQueueUs, minUs / 8));
    const isQueued = this.leastUs > minUs + Math.max(usual, 2 * netVarianceUs);
    this.queuedBlocks = isQueued ? this.queuedBlocks + 1 : 0;
    this.blockSinceUs = nowUs;
    this.leastUs = Infinity;
    this.samples = 0;
    return this.queuedBlocks >= 2;
  }
}

/**
 * A path with a shorter round trip (µs) counts as short: scheduling delays are as long as its round
 * trip.
 */
const shortRttUs = 20_000;
/** A batch of arrivals is late if its minimum round trip exceeds the path's by this many µs. */
const lateUs = 600;
const minLateBatches = 2;

/**
 * On short paths rate samples err on the high side, and a standing queue is usually caused by this
 * flow itself.
 */
export function isShortPath(minRttUs: number): boolean {
  return minRttUs < shortRttUs;
}

/** Counts consecutive late batches: detects queues that are too short for QueueDelay's blocks. */
export class LateStreak {
  private sinceUs = 0;
  private batches = 0;

  /** Records the minimum round trip of a batch of arrivals and that of the path. */
  add(nowUs: number, leastUs: number, minRttUs: number): void {
    if (leastUs > minRttUs + lateUs) this.batches++;
    else {
      this.batches = 0;
      this.sinceUs = nowUs;
    }
  }

  /** How long all batches have been late, in µs; 0 while there are too few. */
  durationUs(nowUs: number): number {
    return this.batches < minLateBatches ? 0 : nowUs - this.sinceUs;
  }
}
