// Round-trip time: smoothed with variance, for timers (RFC 6298), and a windowed minimum, for
// congestion control. Pure.

/**
 * How long the minimum remains valid before it is probed again (draft-ietf-ccwg-bbr
 * MinRTTFilterLen).
 */
const minRttLifeUs = 10_000_000;
/**
 * Minimum margin of a probe timeout over the round trip: the scheduling delay of a busy machine.
 */
const granularityUs = 20_000;

export class RttEstimator {
  /**
   * Smoothed round trip for timers, including the wait at the server; 0 before the first sample.
   */
  smoothedUs = 0;
  varianceUs = 0;
  latestUs = 0;
  /** Minimum round trip of the network alone; Infinity before the first sample. */
  minUs = Infinity;
  /** Variance of the network's round trip. */
  netVarianceUs = 0;
  private netSmoothedUs = 0;
  private minAtUs = 0;

  /** `wholeUs`: from request to arrival. `netUs`: the same without the wait at the server. */
  update(nowUs: number, wholeUs: number, netUs: number): void {
    this.latestUs = wholeUs;
    if (this.smoothedUs === 0) {
      this.smoothedUs = wholeUs;
      this.varianceUs = wholeUs / 2;
    } else {
      this.varianceUs += (Math.abs(this.smoothedUs - wholeUs) - this.varianceUs) / 4;
      this.smoothedUs += (wholeUs - this.smoothedUs) / 8;
    }
    if (this.netSmoothedUs === 0) this.netSmoothedUs = netUs;
    this.netVarianceUs += (Math.abs(this.netSmoothedUs - netUs) - this.netVarianceUs) / 4;
    this.netSmoothedUs += (netUs - this.netSmoothedUs) / 8;
    // A sample within 2 % counts as equal, so that noise does not make a good minimum go stale.
    if (netUs <= this.minUs * 1.02) this.minAtUs = nowUs;
    if (netUs < this.minUs) this.minUs = Math.max(1, netUs);
  }

  /** Whether the minimum is too old: the path may have become longer. */
  isMinStale(nowUs: number): boolean {
    return this.minUs < Infinity && nowUs - this.minAtUs > minRttLifeUs;
  }

  /** Replaces the minimum with the one measured in a phase with little in flight. */
  resetMin(nowUs: number, minUs: number): void {
    this.minUs = minUs;
    this.minAtUs = nowUs;
  }

  /** Probe timeout (RFC 9002 §6.2.1) before backoff; `initialUs` while there is no sample. */
  probeTimeoutUs(initialUs: number): number {
    if (this.smoothedUs === 0) return initialUs;
    return this.smoothedUs + Math.max(4 * this.varianceUs, granularityUs);
  }
}
