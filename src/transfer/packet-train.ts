// The first guess at a path's rate, in bytes per µs: the spacing in which the first burst arrives (packet train). Pure.

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

/** So much of the train tells the rate as well as all of it, which may never come; out of order, hardly less than all does. */
const enoughOfTrain = 0.75;
const enoughOutOfOrder = 0.95;
/** So many segments behind a later one are more than an accident: the path jitters. */
const jitteryOvertaken = 3;
/** Segments behind the train that may overtake its last ones. */
const stragglers = 4;

/** Watches the arrival of the first burst, which left its sender in one piece: its spacing is that of the bottleneck. */
export class TrainEstimator {
  private firstUs = -1;
  private lastUs = 0;
  private bytes = 0;
  private allBytes = 0;
  private segments = 0;
  private came = 0;
  private ended = false;
  private largest = -1;
  private overtaken = 0;
  /** Sums over (send number, time since the first) of what counts, for a line through them. */
  private readonly line = { seq: 0, us: 0, seqSeq: 0, seqUs: 0 };
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
    if (seq < this.largest) this.overtaken++;
    this.largest = Math.max(this.largest, seq);
    if (isExact || !this.isExact) this.count(nowUs, seq, bytes, isExact);
    const enough = this.isJittery ? enoughOutOfOrder : enoughOfTrain;
    const isEnough = this.came >= this.trainSegments * enough && this.rate > 0;
    if (isEnough || this.came === this.trainSegments) this.ended = true;
  }

  /** Bytes per µs once the whole train has passed, else 0. */
  get bytesPerUs(): number {
    return this.ended ? this.rate : 0;
  }

  /** How long it took to pass, in µs. */
  get spanUs(): number {
    return this.isJittery ? this.spacingUs * this.segments : this.lastUs - this.firstUs;
  }

  private get isJittery(): boolean {
    return this.isExact && this.overtaken >= jitteryOvertaken;
  }

  /** Mean spacing: the slope of the line through all arrivals, which jitter moves but does not tilt (least squares). */
  private get spacingUs(): number {
    const { seq, us, seqSeq, seqUs } = this.line;
    const n = this.segments;
    return (n * seqUs - seq * us) / (n * seqSeq - seq * seq);
  }

  private get rate(): number {
    if (this.segments < minTrainSegments) return 0;
    const { spanUs } = this;
    if (this.isJittery) return spanUs < minTrainUs ? 0 : this.allBytes / spanUs;
    return spanUs < minTrainUs ? 0 : this.bytes / (spanUs + (this.isExact ? 0 : lateReaderUs));
  }

  private count(nowUs: number, seq: number, bytes: number, isExact: boolean): void {
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
      this.allBytes = 0;
      this.segments = 0;
      Object.assign(this.line, { seq: 0, us: 0, seqSeq: 0, seqUs: 0 });
    }
    const us = nowUs - this.firstUs;
    this.line.seq += seq;
    this.line.us += us;
    this.line.seqSeq += seq * seq;
    this.line.seqUs += seq * us;
    this.allBytes += bytes;
    this.segments++;
    this.lastUs = nowUs;
    if (nowUs > this.firstUs + (isExact ? lumpUs : 0)) this.bytes += bytes;
  }
}
