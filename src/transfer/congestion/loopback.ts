// Congestion control without a network: between processes on one machine only the socket's buffer
// can overflow, and round trips measure the scheduler. A plain window, no pacing. Pure.

import type { Arrivals } from "../arrival-batch.ts";
import type { RateSample } from "../sent-segments.ts";
import type { CongestionController, CongestionPhase } from "./controller.ts";

const startBytes = 512 * 1024;
const minBytes = 128 * 1024;
/** More in flight is not faster: it no longer fits the CPU's cache. */
const maxBytes = 2 * 1024 * 1024;
/** Linux reserves twice the size of a buffer; large datagrams fill 1.8 times that size. */
const bufferShare = 1.75;

export class LoopbackController implements CongestionController {
  readonly phase: CongestionPhase = "loopback";
  readonly pacingBytesPerUs = Infinity;
  windowBytes: number;
  bandwidthBytesPerUs = 0;
  private readonly maxWindowBytes: number;
  private nextRoundAt = 0;
  private hasLostThisRound = false;

  /** `bufferBytes`: size of the receiving socket's buffer. */
  constructor(bufferBytes: number) {
    this.maxWindowBytes = Math.max(minBytes, Math.min(maxBytes, bufferShare * bufferBytes));
    this.windowBytes = Math.min(startBytes, this.maxWindowBytes);
  }

  onPacketTrain(): void {}

  onLost(): void {
    if (this.hasLostThisRound) return;
    this.hasLostThisRound = true;
    this.windowBytes = Math.max(minBytes, this.windowBytes / 2);
  }

  onSpuriousLoss(): void {}

  onArrivals(sample: RateSample, { delivered }: Arrivals): void {
    if (sample.rate > 0) {
      this.bandwidthBytesPerUs += (sample.rate - this.bandwidthBytesPerUs) / 8;
    }
    if (sample.priorDelivered < this.nextRoundAt) return;
    this.nextRoundAt = delivered;
    if (!this.hasLostThisRound) {
      this.windowBytes = Math.min(this.maxWindowBytes, this.windowBytes + this.maxWindowBytes / 16);
    }
    this.hasLostThisRound = false;
  }

  onOutage(): void {
    this.windowBytes = minBytes;
  }
}
