// What a batch of segments says of the path, together: those that a process has read in one go are one piece of evidence. Pure.

import type { Flight } from "./sent-segments.ts";

/** A pause of so long is longer than an event loop's turn. In µs. */
const longPauseUs = 2_000;
/** What counts as a pause at all: a good part of a round trip; more than a sender's rhythm, which is finer from this rate on. */
const pauseShare = 1 / 8;
const pauseRhythmUs = { fast: 700, slow: 3_000 };
const fastBytesPerUs = 25;

/** When nothing has come for so long (µs), though something had been asked for, somebody was kept from running. */
export function pauseUsOf(minRttUs: number, bytesPerUs: number): number {
  const rhythmUs = bytesPerUs >= fastBytesPerUs ? pauseRhythmUs.fast : pauseRhythmUs.slow;
  return Math.max(rhythmUs, minRttUs * pauseShare);
}

/** A batch of arrivals, as the congestion control sees it. */
export interface Arrivals {
  /** Least round trip in it, in µs, the server's holding time left out; and the same without the pauses in which nothing came. */
  readonly netRttUs: number;
  readonly queueRttUs: number;
  /** Nothing had come for longer than a moment. */
  readonly isPaused: boolean;
  /** Of the flight, in bytes: all that has come, and what is on the path. */
  readonly delivered: number;
  readonly inFlightBytes: number;
}

/** The batch that is being read. */
export class ArrivalBatch implements Arrivals {
  /** When its last segment came; -1 while there is none. */
  lastUs = -1;
  netRttUs = Infinity;
  queueRttUs = Infinity;
  isPaused = false;
  delivered = 0;
  inFlightBytes = 0;

  /** A segment of the flight has come. */
  add(nowUs: number, netRttUs: number, flight: Flight): void {
    this.lastUs = nowUs;
    this.netRttUs = Math.min(this.netRttUs, Math.max(1, netRttUs));
    this.queueRttUs = Math.min(this.queueRttUs, netRttUs - flight.pausedSinceAskedUs);
    this.isPaused ||= flight.gapUs > Math.max(longPauseUs, flight.pauseUs);
  }

  clear(): void {
    this.lastUs = -1;
    this.netRttUs = Infinity;
    this.queueRttUs = Infinity;
    this.isPaused = false;
  }
}
