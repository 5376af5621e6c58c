// The segments in flight, like QUIC's sent packets: one entry per requested segment, in a ring
// indexed by send number. Detects loss by packet and time threshold (RFC 9002 §6.1) and takes
// delivery-rate samples (draft-ietf-ccwg-bbr §4.1.1). Pure. Allocates nothing per segment. "Sent"
// means "requested": the server sends what is requested.

import { udpTransfer as limit } from "../limits.ts";
import type { Pauses } from "./arrival-batch.ts";

// States of an entry.
const free = 0;
const outstanding = 1;
const lost = 2;

/** How a received segment matches a request. */
export const match = {
  /** Not requested: forged, duplicated, or too old to tell. */
  none: 0,
  inFlight: 1,
  /** Received after being declared lost: a spurious loss. */
  late: 2,
} as const;
export type Match = (typeof match)[keyof typeof match];

/** Marks on an entry. */
export const mark = {
  /** An MTU probe, whose loss is no sign of congestion. */
  mtuProbe: 1,
  /** Requested again since: losing this copy does not matter. */
  copied: 2,
} as const;

/** Called for each segment that is declared lost. */
export type OnLost = (offset: number, length: number, marks: number) => void;

/** Delivery rate between a segment's request and its arrival. */
export interface RateSample {
  /** Bytes per µs; 0 if there is no sample. */
  rate: number;
  /** `SentSegments.delivered` when the segment was requested: tells rounds apart. */
  priorDelivered: number;
  /** Something other than the network limited the rate when the segment was requested. */
  appLimited: boolean;
}

export class SentSegments implements Pauses {
  private readonly mask: number;
  private readonly state: Uint8Array;
  private readonly marks: Uint8Array;
  private readonly offset: Float64Array;
  private readonly length: Uint32Array;
  private readonly requestedUs: Float64Array;
  private readonly priorDelivered: Float64Array;
  private readonly priorDeliveredUs: Float64Array;
  private readonly priorFirstSentUs: Float64Array;
  private readonly priorPausedUs: Float64Array;
  private readonly appLimited: Uint8Array;

  /** Next send number. */
  nextSeq = 0;
  /** Everything below has arrived or been declared lost. */
  private settled = 0;
  /** Highest send number that has arrived; -1 before the first. */
  private largest = -1;
  private largestRequestedUs = 0;
  /** Bytes requested that have neither arrived nor been declared lost. */
  inFlightBytes = 0;
  inFlightSegments = 0;
  /** Bytes that have arrived, duplicates included. */
  delivered = 0;
  private deliveredUs = 0;
  /** When the newest sampled segment left the server, by the local clock. */
  private firstSentUs = 0;
  /** Segments declared lost, and how many of them arrived after all. */
  lostSegments = 0;
  lateSegments = 0;
  /** When the time threshold declares the next segment lost; Infinity: never. */
  lossTimeUs = Infinity;
  /** Tolerated reordering, in segments and µs; grows with every spurious loss. */
  private reorderSegments = 3;
  private reorderUs = 0;
  /**
   * The newest segment that arrived since the last sample (-1: none), and when it left the server.
   */
  private newest = -1;
  private newestSentUs = 0;
  pauseThresholdUs = Infinity;
  gapUs = 0;
  pausedSinceRequestUs = 0;
  private pausedUs = 0;

  constructor(capacity: number = limit.maxInFlightSegments) {
    this.mask = capacity - 1;
    this.state = new Uint8Array(capacity);
    this.marks = new Uint8Array(capacity);
    this.appLimited = new Uint8Array(capacity);
    this.offset = new Float64Array(capacity);
    this.length = new Uint32Array(capacity);
    this.requestedUs = new Float64Array(capacity);
    this.priorDelivered = new Float64Array(capacity);
    this.priorDeliveredUs = new Float64Array(capacity);
    this.priorFirstSentUs = new Float64Array(capacity);
    this.priorPausedUs = new Float64Array(capacity);
  }

  /** Segments that can still be requested before the ring is full. */
  get room(): number {
    return this.mask + 1 - (this.nextSeq - this.settled);
  }

  /** Records a request for [offset, offset + length); returns its send number. Needs `room`. */
  onRequested(
    offset: number,
    length: number,
    marks: number,
    appLimited: boolean,
    nowUs: number,
  ): number {
    const seq = this.nextSeq++;
    const i = seq & this.mask;
    if (this.inFlightSegments === 0) {
      this.firstSentUs = nowUs;
      this.deliveredUs = nowUs;
    }
    this.state[i] = outstanding;
    this.marks[i] = marks;
    this.offset[i] = offset;
    this.length[i] = length;
    this.requestedUs[i] = nowUs;
    this.priorDelivered[i] = this.delivered;
    this.priorDeliveredUs[i] = this.deliveredUs;
    this.priorFirstSentUs[i] = this.firstSentUs;
    this.priorPausedUs[i] = this.pausedUs;
    this.appLimited[i] = appLimited ? 1 : 0;
    this.inFlightBytes += length;
    this.inFlightSegments++;
    return seq;
  }

  /** Length requested under a send number; only meaningful if `onReceived` matches it. */
  lengthOf(seq: number): number {
    return this.length[seq & this.mask]!;
  }

  /** When a send number was requested; only meaningful if `onReceived` matches it. */
  requestedAtUs(seq: number): number {
    return this.requestedUs[seq & this.mask]!;
  }

  /**
   * A segment arrived that left the server at `sentUs`, by the local clock. `length` may be less
   * than requested only at the end of the file, which the caller checks.
   */
  onReceived(seq: number, offset: number, length: number, sentUs: number, nowUs: number): Match {
    if (seq >= this.nextSeq || seq < this.nextSeq - this.mask - 1) return match.none;
    const i = seq & this.mask;
    const was = this.state[i];
    if (was === free || this.offset[i] !== offset || length > this.length[i]!) return match.none;
    this.state[i] = free;
    this.delivered += length;
    this.gapUs = nowUs - this.deliveredUs;
    if (this.gapUs > this.pauseThresholdUs) this.pausedUs += this.gapUs;
    this.pausedSinceRequestUs = this.pausedUs - this.priorPausedUs[i]!;
    this.deliveredUs = nowUs;
    if (was === outstanding) {
      this.inFlightBytes -= this.length[i]!;
      this.inFlightSegments--;
    }
    if (seq > this.newest) {
      this.newest = seq;
      this.newestSentUs = sentUs;
    }
    if (seq > this.largest) {
      this.largest = seq;
      this.largestRequestedUs = this.requestedUs[i]!;
    }
    if (was === outstanding) return match.inFlight;
    this.lateSegments++;
    this.tolerateReordering(seq, nowUs);
    return match.late;
  }

  /**
   * Takes a sample from the newest segment since the last call; intervals below `minRttUs` give no
   * sample.
   */
  sampleRate(minRttUs: number, sample: RateSample): void {
    sample.rate = 0;
    if (this.newest < 0) return;
    const i = this.newest & this.mask;
    this.newest = -1;
    // Measured from the time of sending, not of requesting: requests may run ahead of the rate, and
    // come in bulk after a delay.
    const sendUs = this.newestSentUs - this.priorFirstSentUs[i]!;
    const ackUs = this.deliveredUs - this.priorDeliveredUs[i]!;
    this.firstSentUs = Math.max(this.firstSentUs, this.newestSentUs);
    sample.priorDelivered = this.priorDelivered[i]!;
    sample.appLimited = this.appLimited[i] === 1;
    const intervalUs = Math.max(sendUs, ackUs);
    if (intervalUs < minRttUs || intervalUs <= 0) return;
    sample.rate = (this.delivered - sample.priorDelivered) / intervalUs;
  }

  /** Declares segments lost by RFC 9002 §6.1, and sets `lossTimeUs` for the next. */
  detectLosses(rttUs: number, nowUs: number, onLost: OnLost): void {
    this.lossTimeUs = Infinity;
    const delayUs = rttUs + Math.max(rttUs / 8, this.reorderUs, 1_000);
    const packetThreshold = this.largest - this.reorderSegments;
    let isFront = true;
    for (let seq = this.settled; seq < this.largest; seq++) {
      const i = seq & this.mask;
      if (this.state[i] === outstanding) {
        const dueUs = this.requestedUs[i]! + delayUs;
        const isOlder = this.requestedUs[i]! <= this.largestRequestedUs;
        if ((seq <= packetThreshold || dueUs <= nowUs) && isOlder) this.declareLost(i, onLost);
        else {
          isFront = false;
          if (dueUs < this.lossTimeUs) this.lossTimeUs = dueUs;
          // All later segments were requested later, so neither threshold can have passed for them.
          if (seq > packetThreshold) return;
        }
      }
      if (isFront) this.settled = seq + 1;
    }
  }

  /**
   * Declares everything in flight lost. Late arrivals are still recognised unless `skip` is set:
   * send numbers then jump by a whole ring, past any that a damaged REQUEST may have marked as seen
   * at the server.
   */
  declareAllLost(skip: boolean, onLost: OnLost): void {
    for (let seq = this.settled; seq < this.nextSeq; seq++) {
      const i = seq & this.mask;
      if (this.state[i] === outstanding) this.declareLost(i, onLost);
    }
    if (skip) this.nextSeq += this.mask + 1;
    this.settled = this.nextSeq;
    this.lossTimeUs = Infinity;
  }

  /** Forgets requests at or past the end of the file: they are neither answered nor lost. */
  forgetBeyond(sizeBytes: number): void {
    for (let seq = this.settled; seq < this.nextSeq; seq++) {
      const i = seq & this.mask;
      if (this.state[i] === outstanding && this.offset[i]! >= sizeBytes) this.settle(i, free);
    }
  }

  /**
   * Marks `count` uncopied segments in flight as copied; `visit` requests the copies.
   */
  copyOutstanding(
    count: number,
    which: "oldest" | "newest",
    visit: (offset: number, length: number) => void,
  ): void {
    const last = this.nextSeq - 1;
    let left = count;
    for (let k = 0; k <= last - this.settled && left > 0; k++) {
      const i = (which === "newest" ? last - k : this.settled + k) & this.mask;
      const marks = this.marks[i]!;
      if (this.state[i] !== outstanding || marks !== 0) continue;
      this.marks[i] = marks | mark.copied;
      left--;
      visit(this.offset[i]!, this.length[i]!);
    }
  }

  private declareLost(i: number, onLost: OnLost): void {
    this.settle(i, lost);
    this.lostSegments++;
    onLost(this.offset[i]!, this.length[i]!, this.marks[i]!);
  }

  private settle(i: number, state: number): void {
    this.state[i] = state;
    this.inFlightBytes -= this.length[i]!;
    this.inFlightSegments--;
  }

  /** A loss was spurious: tolerate this much reordering from now on. */
  private tolerateReordering(seq: number, nowUs: number): void {
    const distance = this.largest - seq;
    const segments = Math.min(limit.maxReorderSegments, Math.ceil(distance * 1.25) + 1);
    this.reorderSegments = Math.max(this.reorderSegments, segments);
    const requestedUs = this.requestedUs[seq & this.mask]!;
    // How much longer this segment took than the newest one.
    const extraUs = this.largestRequestedUs - requestedUs;
    const tookUs = nowUs - requestedUs;
    this.reorderUs = Math.max(this.reorderUs, Math.min(extraUs * 1.25, tookUs / 2));
  }
}
