// The first estimate of a path's rate, in bytes per µs, from the spacing of the first burst on
// arrival (packet-train dispersion). Pure.

/** Fewer segments give no estimate. */
const minTrainSegments = 12;
/** A shorter train measures the scheduler, not the path. */
const minTrainUs = 200;

/**
 * How late the reader may have been at the start, which makes the train look shorter. Errs on the
 * low side.
 */
const lateReaderUs = 1_000;
/** Arrivals this close to the first were queued together and only mark the start. */
const clusterUs = 50;
/**
 * A gap longer than this, and than 8 average gaps of the train, means that a process was
 * descheduled.
 */
const minPauseUs = 1_000;
const pauseGaps = 8;

/**
 * This share of the train is enough, as the rest may be lost; with reordering, nearly all of it is
 * needed.
 */
const sufficientShare = 0.75;
const sufficientShareReordered = 0.95;
/** This many reordered segments mean that the path jitters. */
const jitterReordered = 3;
/** Later segments that may overtake the train's last ones. */
const stragglers = 4;

/**
 * Observes the arrival of the first burst. It left the sender in one piece, so only the bottleneck
 * spaces it.
 */
export class PacketTrain {
  private firstUs = -1;
  private lastUs = 0;
  private bytes = 0;
  private allBytes = 0;
  private segments = 0;
  private arrived = 0;
  private hasEnded = false;
  private largest = -1;
  private reordered = 0;
  /**
   * Sums over (send number, time since the first) of the counted arrivals, for linear regression.
   */
  private readonly sums = { seq: 0, us: 0, seqSeq: 0, seqUs: 0 };
  /** The counted arrivals carry kernel timestamps. */
  private isExact = false;

  /** The train consists of the send numbers below `trainSegments`. */
  constructor(private readonly trainSegments: number) {}

  /**
   * Records an arrival. Bytes that arrive together with the first only mark the start. `isExact`:
   * `nowUs` is the time of arrival, not of reading; once there is such an arrival, others are
   * ignored.
   */
  add(seq: number, bytes: number, nowUs: number, isExact: boolean): void {
    if (this.hasEnded) return;
    if (seq >= this.trainSegments) {
      // Past the train by more than a little reordering.
      if (seq >= this.trainSegments + stragglers) this.hasEnded = true;
      return;
    }
    this.arrived++;
    if (seq < this.largest) this.reordered++;
    this.largest = Math.max(this.largest, seq);
    if (isExact || !this.isExact) this.count(seq, bytes, nowUs, isExact);
    const share = this.isJittery ? sufficientShareReordered : sufficientShare;
    const isSufficient = this.arrived >= this.trainSegments * share && this.rate > 0;
    if (isSufficient || this.arrived === this.trainSegments) this.hasEnded = true;
  }

  /** Bytes per µs once the whole train has passed, otherwise 0. */
  get bytesPerUs(): number {
    return this.hasEnded ? this.rate : 0;
  }

  /** How long the train took to arrive, in µs. */
  get spanUs(): number {
    return this.isJittery ? this.spacingUs * this.segments : this.lastUs - this.firstUs;
  }

  private get isJittery(): boolean {
    return this.isExact && this.reordered >= jitterReordered;
  }

  /** Mean spacing: the slope of the least-squares line through all arrivals, robust to jitter. */
  private get spacingUs(): number {
    const { seq, us, seqSeq, seqUs } = this.sums;
    const n = this.segments;
    return (n * seqUs - seq * us) / (n * seqSeq - seq * seq);
  }

  private get rate(): number {
    if (this.segments < minTrainSegments) return 0;
    const { spanUs } = this;
    if (spanUs < minTrainUs) return 0;
    if (this.isJittery) return this.allBytes / spanUs;
    return this.bytes / (spanUs + (this.isExact ? 0 : lateReaderUs));
  }

  private count(seq: number, bytes: number, nowUs: number, isExact: boolean): void {
    if (isExact && this.segments > 0) {
      const averageUs = (this.lastUs - this.firstUs) / this.segments;
      if (nowUs - this.lastUs > Math.max(minPauseUs, pauseGaps * averageUs)) {
        // A process was descheduled: the arrivals so far are either enough or discarded.
        if (this.segments >= minTrainSegments) {
          this.hasEnded = true;
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
      Object.assign(this.sums, { seq: 0, us: 0, seqSeq: 0, seqUs: 0 });
    }
    const us = nowUs - this.firstUs;
    this.sums.seq += seq;
    this.sums.us += us;
    this.sums.seqSeq += seq * seq;
    this.sums.seqUs += seq * us;
    this.allBytes += bytes;
    this.segments++;
    this.lastUs = nowUs;
    if (nowUs > this.firstUs + (isExact ? clusterUs : 0)) this.bytes += bytes;
  }
}
