// A batch of segments read in one go. It is one piece of evidence about the path, however many
// segments it has. Pure.

/** Longer than a turn of the event loop, in µs. */
const longPauseUs = 2_000;
/**
 * A pause is longer than an eighth of a round trip and than the sender's own burst interval, which
 * gets shorter from `fastBytesPerUs` on.
 */
const pauseShare = 1 / 8;
const senderRhythmUs = { fast: 700, slow: 3_000 };
const fastBytesPerUs = 25;

/**
 * A gap between arrivals longer than this (µs) means that a process was descheduled, not that the
 * path is slow.
 */
export function pauseThresholdUs(minRttUs: number, bytesPerUs: number): number {
  const rhythmUs = bytesPerUs >= fastBytesPerUs ? senderRhythmUs.fast : senderRhythmUs.slow;
  return Math.max(rhythmUs, minRttUs * pauseShare);
}

/** What the congestion controller sees of a batch. */
export interface Arrivals {
  /** Minimum round trip of the batch, in µs, without the request's wait at the server. */
  readonly netRttUs: number;
  /** The same, minus pauses in which nothing arrived. */
  readonly queueRttUs: number;
  /** A process was descheduled just before this batch. */
  readonly isPaused: boolean;
  /** Bytes delivered since the transfer began, and bytes in flight. */
  readonly delivered: number;
  readonly inFlightBytes: number;
}

/** Gaps before the newest arrival, in µs (`SentSegments`). */
export interface Pauses {
  /** The gap between the newest arrival and the one before it. */
  readonly gapUs: number;
  /** Gaps above this count as pauses. */
  readonly pauseThresholdUs: number;
  /** Sum of the pauses since its segment was requested. */
  readonly pausedSinceRequestUs: number;
}

/** The batch that is being read. */
export class ArrivalBatch implements Arrivals {
  /** When its last segment arrived; -1 while it is empty. */
  lastUs = -1;
  netRttUs = Infinity;
  queueRttUs = Infinity;
  isPaused = false;
  delivered = 0;
  inFlightBytes = 0;

  add(netRttUs: number, pauses: Pauses, nowUs: number): void {
    this.lastUs = nowUs;
    this.netRttUs = Math.min(this.netRttUs, Math.max(1, netRttUs));
    this.queueRttUs = Math.min(this.queueRttUs, netRttUs - pauses.pausedSinceRequestUs);
    this.isPaused ||= pauses.gapUs > Math.max(longPauseUs, pauses.pauseThresholdUs);
  }

  clear(): void {
    this.lastUs = -1;
    this.netRttUs = Infinity;
    this.queueRttUs = Infinity;
    this.isPaused = false;
  }
}
