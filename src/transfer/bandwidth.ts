// Bandwidth estimates in bytes per µs: the windowed maximum of delivery-rate samples (draft-ietf-ccwg-bbr §5.5), and a first
// guess from the spacing in which the first burst arrives (packet train). Pure.

/** Rounds that a sample is believed: longer than a probing cycle, so that a cycle's best is still known in the next. */
const filterRounds = 10;

/** Maximum of the samples of the last rounds. */
export class BandwidthFilter {
  private readonly best = new Float64Array(filterRounds);
  private round = 0;
  bytesPerUs = 0;

  /** A round without a sample (too short, or nothing came) does not age the others. */
  nextRound(): void {
    if (this.best[this.round] === 0) return;
    this.round = (this.round + 1) % filterRounds;
    this.best[this.round] = 0;
    this.bytesPerUs = Math.max(...this.best);
  }

  /** Forget what is above: it was more than the path has. */
  limit(bytesPerUs: number): void {
    for (let i = 0; i < filterRounds; i++) {
      this.best[i] = Math.min(this.best[i] as number, bytesPerUs);
    }
    this.bytesPerUs = Math.min(this.bytesPerUs, bytesPerUs);
  }

  add(bytesPerUs: number): void {
    if (bytesPerUs > (this.best[this.round] as number)) this.best[this.round] = bytesPerUs;
    if (bytesPerUs > this.bytesPerUs) this.bytesPerUs = bytesPerUs;
  }
}

/** Throughput is taken over this long at least, so that a process that was kept waiting does not count as a fast path. */
const minMeterUs = 10_000;

/** What really came, over a round trip or longer: slower to tell than a delivery-rate sample, and harder to fool. */
export class ThroughputMeter {
  private sinceUs = 0;
  private from = 0;
  /** Bytes per µs of the last whole period; 0 before the first. */
  bytesPerUs = 0;

  /** True when a period has ended with this. */
  update(nowUs: number, delivered: number, rttUs: number): boolean {
    const elapsedUs = nowUs - this.sinceUs;
    if (this.sinceUs > 0 && elapsedUs < Math.max(minMeterUs, rttUs)) return false;
    this.bytesPerUs = this.sinceUs > 0 ? (delivered - this.from) / elapsedUs : 0;
    this.sinceUs = nowUs;
    this.from = delivered;
    return this.bytesPerUs > 0;
  }
}

/** The sliding rate looks back so far, in steps of so much. */
const slideUs = 20_000;
const slideSteps = 20;

/**
 * Delivery rate over the last 20 ms: where a round trip is shorter than the moments in which a process does not run, a sample
 * over one round trip is mostly noise, and the maximum of many such samples far above the truth.
 */
export class SlidingRate {
  private readonly atUs = new Float64Array(slideSteps).fill(-1);
  private readonly delivered = new Float64Array(slideSteps);
  private newest = 0;

  /** Note what has been delivered until now; bytes per µs, Infinity before there is a whole window. */
  update(nowUs: number, delivered: number): number {
    if (nowUs - (this.atUs[this.newest] as number) >= slideUs / slideSteps) {
      this.newest = (this.newest + 1) % slideSteps;
      this.atUs[this.newest] = nowUs;
      this.delivered[this.newest] = delivered;
    }
    const oldest = (this.newest + 1) % slideSteps;
    const sinceUs = this.atUs[oldest] as number;
    return sinceUs < 0
      ? Infinity
      : (delivered - (this.delivered[oldest] as number)) / (nowUs - sinceUs);
  }
}

/** Fewer segments than this say nothing of a rate. */
const minTrainSegments = 12;
/** Shorter than this, the rhythm of a process is measured and not the path. */
const minTrainUs = 200;

/** What a reader may have been late with at the beginning, so that the train seems shorter than it was: a guess is better low. */
const lateReaderUs = 1_000;
/** Arrivals as close to the first had waited together, and mark the beginning. */
const lumpUs = 50;
/** A gap is a pause, and none of the path's spacing, if it is longer than this and than so many of the train's others. */
const minPauseUs = 1_000;
const pauseGaps = 8;

/** So much of the train tells the rate as well as all of it, which may never come. */
const enoughOfTrain = 0.75;
/** Segments behind the train that may overtake its last ones. */
const stragglers = 4;

/** Watches the arrival of the first burst, which left its sender in one piece: its spacing is that of the bottleneck. */
export class TrainEstimator {
  private firstUs = -1;
  private lastUs = 0;
  private bytes = 0;
  private segments = 0;
  private came = 0;
  private ended = false;
  /** The arrivals that count were told by the kernel. */
  private isExact = false;

  /** The train is the send numbers below `trainSegments`. */
  constructor(private readonly trainSegments: number) {}

  /**
   * Note an arrival; bytes that come together with the first ones mark the beginning and don't count. `isExact`: the time is that of
   * the arrival and not that of the reading; what is not is left out where there is one that is.
   */
  add(nowUs: number, seq: number, bytes: number, isExact: boolean): void {
    if (this.ended) return;
    if (seq >= this.trainSegments) {
      // Behind the train, and not only a little out of order.
      if (seq >= this.trainSegments + stragglers) this.ended = true;
      return;
    }
    this.came++;
    if (isExact || !this.isExact) this.count(nowUs, bytes, isExact);
    const isEnough = this.came >= this.trainSegments * enoughOfTrain && this.rate > 0;
    if (isEnough || this.came === this.trainSegments) this.ended = true;
  }

  /** Bytes per µs once the whole train has passed, else 0. */
  get bytesPerUs(): number {
    return this.ended ? this.rate : 0;
  }

  /** How long it took to pass, in µs. */
  get spanUs(): number {
    return this.lastUs - this.firstUs;
  }

  private get rate(): number {
    if (this.segments < minTrainSegments) return 0;
    const { spanUs } = this;
    return spanUs < minTrainUs ? 0 : this.bytes / (spanUs + (this.isExact ? 0 : lateReaderUs));
  }

  private count(nowUs: number, bytes: number, isExact: boolean): void {
    if (isExact && this.segments > 0) {
      const usualUs = (this.lastUs - this.firstUs) / this.segments;
      if (nowUs - this.lastUs > Math.max(minPauseUs, pauseGaps * usualUs)) {
        // Somebody was kept from running: what was before is enough, or does not count.
        if (this.segments >= minTrainSegments) {
          this.ended = true;
          return;
        }
        this.firstUs = -1;
      }
    }
    if (this.firstUs < 0 || isExact !== this.isExact) {
      this.firstUs = nowUs;
      this.isExact = isExact;
      this.bytes = 0;
      this.segments = 0;
    }
    this.segments++;
    this.lastUs = nowUs;
    if (nowUs > this.firstUs + (isExact ? lumpUs : 0)) this.bytes += bytes;
  }
}
