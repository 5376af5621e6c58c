// The congestion control interface, implemented for networks (BBR) and for loopback. Types only.
// Rates are bytes per µs.

import type { Arrivals } from "../arrival-batch.ts";
import type { RateSample } from "../sent-segments.ts";

export type CongestionPhase = "startup" | "drain" | "probe-bandwidth" | "probe-rtt" | "loopback";

export interface CongestionController {
  readonly phase: CongestionPhase;
  /** Bytes that may be in flight. */
  readonly windowBytes: number;
  /** Infinity: unpaced. */
  readonly pacingBytesPerUs: number;
  readonly bandwidthBytesPerUs: number;
  /** A first bandwidth estimate, measured over `spanUs`, before any rate samples exist. */
  onPacketTrain(bytesPerUs: number, spanUs: number): void;
  onLost(bytes: number): void;
  /** A segment that was declared lost arrived after all. */
  onSpuriousLoss(bytes: number): void;
  /** Called after each batch of arrivals. */
  onArrivals(sample: RateSample, arrivals: Arrivals, nowUs: number): void;
  /** Nothing has arrived for several probe timeouts: restart gently once something does. */
  onOutage(): void;
}
