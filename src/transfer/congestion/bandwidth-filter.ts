// Bandwidth estimates in bytes per µs: the windowed maximum of delivery-rate samples
// (draft-ietf-ccwg-bbr §5.5), and what caps them. Pure.

/**
 * Rounds for which a sample counts: longer than a probing cycle, so that one cycle's best is still
 * known in the next.
 */
const filterRounds = 10;

/** Maximum of the samples of the last rounds. */
export class BandwidthFilter {
  private readonly best = new Float64Array(filterRounds);
  private round = 0;
  bytesPerUs = 0;

  /** A round without a sample (too short, or nothing arrived) does not age the others. */
  nextRound(): void {
    if (this.best[this.round] === 0) return;
    this.round = (this.round + 1) % filterRounds;
    this.best[this.round] = 0;
    this.bytesPerUs = Math.max(...this.best);
  }

  /** Caps all samples: they exceeded what the path has. */
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

/**
 * Throughput is measured over at least this long, so that a descheduled process does not look like
 * a fast path.
 */
const minMeterUs = 10_000;

/**
 * What really arrived, over a round trip or longer: slower than a delivery-rate sample, and harder
 * to fool.
 */
export class ThroughputMeter {
  private sinceUs = 0;
  private from = 0;
  /** Bytes per µs of the last whole period; 0 before the first. */
  bytesPerUs = 0;

  /** True when this ends a period. */
  update(nowUs: number, delivered: number, rttUs: number): boolean {
    const elapsedUs = nowUs - this.sinceUs;
    if (this.sinceUs > 0 && elapsedUs < Math.max(minMeterUs, rttUs)) return false;
    this.bytesPerUs = this.sinceUs > 0 ? (delivered - this.from) / elapsedUs : 0;
    this.sinceUs = nowUs;
    this.from = delivered;
    return this.bytesPerUs > 0;
  }
}

/** Window of the sliding rate, and its resolution. */
const slideUs = 20_000;
const slideSteps = 20;

/**
 * Delivery rate over the last 20 ms: where a round trip is shorter than the pauses of a descheduled
 * process, a sample over one round trip is mostly noise, and the maximum of many such samples far
 * above the truth.
 */
export class SlidingRate {
  private readonly atUs = new Float64Array(slideSteps).fill(-1);
  private readonly delivered = new Float64Array(slideSteps);
  private newest = 0;

  /**
   * Notes the bytes delivered so far; returns bytes per µs, Infinity before there is a whole
   * window.
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
