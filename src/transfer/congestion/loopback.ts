// Congestion control where there is no network: between two processes of one machine the only thing that can overflow is
// a socket's buffer, and round trips measure the scheduler. A plain window, no pacing. Pure.

import type { Arrivals } from "../arrivals.ts";
import type { CongestionControl, Phase } from "./bbr.ts";
import type { RateSample } from "../sent-segments.ts";

const startBytes = 512 * 1024;
const minBytes = 128 * 1024;
/** More in flight than this is no faster here, it only falls out of the processor's cache. */
const maxBytes = 2 * 1024 * 1024;

export class LoopbackControl implements CongestionControl {
  readonly phase: Phase = "loopback";
  readonly pacingBytesPerUs = Infinity;
  windowBytes: number;
  bandwidthBytesPerUs = 0;
  private readonly most: number;
  private nextRoundAt = 0;
  private lostThisRound = false;

  /** `bufferBytes`: what the receiving socket can hold. */
  constructor(bufferBytes: number) {
    this.most = Math.max(minBytes, Math.min(maxBytes, bufferBytes));
    this.windowBytes = Math.min(startBytes, this.most);
  }

  onTrain(): void {}

  onLost(): void {
    if (this.lostThisRound) return;
    this.lostThisRound = true;
    this.windowBytes = Math.max(minBytes, this.windowBytes / 2);
  }

  onLate(): void {}

  onArrivals(_nowUs: number, sample: RateSample, { delivered }: Arrivals): void {
    if (sample.rate > 0) {
      this.bandwidthBytesPerUs += (sample.rate - this.bandwidthBytesPerUs) / 8;
    }
    if (sample.priorDelivered < this.nextRoundAt) return;
    this.nextRoundAt = delivered;
    if (!this.lostThisRound) {
      this.windowBytes = Math.min(this.most, this.windowBytes + this.most / 16);
    }
    this.lostThisRound = false;
  }

  onOutage(): void {
    this.windowBytes = minBytes;
  }
}
