// Bandwidth estimates in bytes per µs: the windowed maximum of delivery-rate samples
// (draft-ietf-ccwg-bbr §5.5), and slower meters that cap it. Pure.

/**
 * How many rounds a sample counts: longer than a probing cycle, so that its best sample survives.
 */
const filterRounds = 10;

/** The maximum sample of the last rounds. */
export class BandwidthFilter {
  private readonly best = new Float64Array(filterRounds);
  private round = 0;
  bytesPerUs = 0;

  /** Ends a round. One without a sample (too short, or nothing arrived) does not age the others. */
  nextRound(): void {
    if (this.best[this.round] === 0) return;
    this.round = (this.round + 1) % filterRounds;
    this.best[this.round] = 0;
    this.bytesPerUs = Math.max(...this.best);
  }

  /** Caps all samples; they were too high for the path. */
  limit(bytesPerUs: number): void {
    for (let i = 0; i < filterRounds; i++) {
      this.best[i] = Math.min(this.best[i]!, bytesPerUs);
    }
    this.bytesPerUs = Math.min(this.bytesPerUs, bytesPerUs);
  }

  add(bytesPerUs: number): void {
    if (bytesPerUs > this.best[this.round]!) this.best[this.round] = bytesPerUs;
    if (bytesPerUs > this.bytesPerUs) this.bytesPerUs = bytesPerUs;
  }
}

/** Shortest period of the meter, so that a descheduled process does not look like a fast path. */
const minMeterUs = 10_000;

/**
 * Throughput over a round trip or longer: slower than a delivery-rate sample, and harder to fool.
 */
export class ThroughputMeter {
  private sinceUs = 0;
  private from = 0;
  /** Bytes per µs of the last whole period; 0 before the first. */
  bytesPerUs = 0;

  /** Records the bytes delivered so far; true if this ends a period. */
  update(nowUs: number, delivered: number, rttUs: number): boolean {
    const elapsedUs = nowUs - this.sinceUs;
    if (this.sinceUs > 0 && elapsedUs < Math.max(minMeterUs, rttUs)) return false;
    this.bytesPerUs = this.sinceUs > 0 ? (delivered - this.from) / elapsedUs : 0;
    this.sinceUs = nowUs;
    this.from = delivered;
    return this.bytesPerUs > 0;
  }
}

/** The window of the sliding rate, and its resolution. */
const slideUs = 20_000;
const slideSteps = 20;

/**
 * Delivery rate over the last 20 ms. If round trips are shorter than scheduling delays, samples
 * over one round trip are mostly noise, and their maximum is far too high.
 */
export class SlidingRate {
  private readonly atUs = new Float64Array(slideSteps).fill(-1);
  private readonly delivered = new Float64Array(slideSteps);
  private newest = 0;

  /**
   * Records the bytes delivered so far; returns bytes per µs, Infinity until the window is full.
   */
  update(nowUs: number, delivered: number): number {
    if (nowUs - this.atUs[this.newest]! >= slideUs / slideSteps) {
      this.newest = (this.newest + 1) % slideSteps;
      this.atUs[this.newest] = nowUs;
      this.delivered[this.newest] = delivered;
    }
    const oldest = (this.newest + 1) % slideSteps;
    const sinceUs = this.atUs[oldest]!;
    return sinceUs < 0 ? Infinity : (delivered - this.delivered[oldest]!) / (nowUs - sinceUs);
  }
}
