// What is in flight: one entry per segment asked for, in a ring indexed by its send number; loss by packet and time
// threshold (RFC 9002 §6.1) and the delivery-rate sample (draft-ietf-ccwg-bbr §4.1.1). Pure. Allocates nothing per segment.

import { transfer as limit } from "../limits.ts";

const free = 0;
const outstanding = 1;
const lost = 2;

/** What became of a segment that came. */
export const arrival = {
  /** Nobody asked for it (forged, a copy, or too old to say). */
  unknown: 0,
  /** It was in flight. */
  expected: 1,
  /** It had been given up: the loss was none. */
  late: 2,
} as const;
export type Arrival = (typeof arrival)[keyof typeof arrival];

/** Marks on an entry. */
export const mark = {
  /** A try of a larger segment size: its loss says nothing of congestion. */
  sizeProbe: 1,
  /** Another copy has been asked for since: when this one is lost, nothing needs to be done. */
  copied: 2,
} as const;

/** Rate of delivery between the asking of a segment and its arrival. */
export interface RateSample {
  /** Bytes per µs; 0 if there is no sample. */
  rate: number;
  /** `Flight.delivered` when the segment was asked for: tells rounds apart. */
  priorDelivered: number;
  /** The rate was held down by something else than the network when the segment was asked for. */
  appLimited: boolean;
}

export class Flight {
  private readonly mask: number;
  private readonly state: Uint8Array;
  private readonly marks: Uint8Array;
  private readonly offset: Float64Array;
  private readonly length: Uint32Array;
  private readonly askedUs: Float64Array;
  private readonly priorDelivered: Float64Array;
  private readonly priorDeliveredUs: Float64Array;
  private readonly priorFirstUs: Float64Array;
  private readonly priorPausedUs: Float64Array;
  private readonly appLimited: Uint8Array;

  /** Next send number. */
  nextSeq = 0;
  /** Everything below has come or been given up. */
  private settled = 0;
  /** Highest send number that has come; -1 before the first. */
  private largest = -1;
  private largestAskedUs = 0;
  /** Bytes asked for that have neither come nor been given up. */
  inFlightBytes = 0;
  inFlightSegments = 0;
  /** Bytes that have come, copies of bytes included. */
  delivered = 0;
  private deliveredUs = 0;
  /** When the newest segment that has come left the server, by our clock: its request's time and how long it waited. */
  private firstLeftUs = 0;
  /** Segments that came after all, of those given up. */
  lateSegments = 0;
  lostSegments = 0;
  /** When the time threshold gives the next one up; Infinity for never. */
  lossTimeUs = Infinity;
  /** Reordering that is tolerated, in segments and µs; widened by what is seen. */
  private reorderSegments = 3;
  private reorderUs = 0;
  /** The newest of the segments that came since the last `takeSample`; -1 for none. */
  private newest = -1;
  private newestLeftUs = 0;
  /** When nothing has come for so long, somebody was kept from running. In µs. */
  pauseUs = Infinity;
  /** Time between the last segment that came and the one before it. */
  gapUs = 0;
  /** Pauses since the last segment that came was asked for, in µs: such gaps as tell of a process that was kept from running. */
  pausedSinceAskedUs = 0;
  private pausedUs = 0;

  constructor(capacity: number = limit.maxFlightSegments) {
    this.mask = capacity - 1;
    this.state = new Uint8Array(capacity);
    this.marks = new Uint8Array(capacity);
    this.appLimited = new Uint8Array(capacity);
    this.offset = new Float64Array(capacity);
    this.length = new Uint32Array(capacity);
    this.askedUs = new Float64Array(capacity);
    this.priorDelivered = new Float64Array(capacity);
    this.priorDeliveredUs = new Float64Array(capacity);
    this.priorFirstUs = new Float64Array(capacity);
    this.priorPausedUs = new Float64Array(capacity);
  }

  /** Segments that may still be asked for before the ring is full. */
  get room(): number {
    return this.mask + 1 - (this.nextSeq - this.settled);
  }

  /** Note that [offset, offset + length) has been asked for; returns its send number. Needs `room`. */
  ask(nowUs: number, offset: number, length: number, marks: number, appLimited: boolean): number {
    const seq = this.nextSeq++;
    const i = seq & this.mask;
    if (this.inFlightSegments === 0) {
      this.firstLeftUs = nowUs;
      this.deliveredUs = nowUs;
    }
    this.state[i] = outstanding;
    this.marks[i] = marks;
    this.offset[i] = offset;
    this.length[i] = length;
    this.askedUs[i] = nowUs;
    this.priorDelivered[i] = this.delivered;
    this.priorDeliveredUs[i] = this.deliveredUs;
    this.priorFirstUs[i] = this.firstLeftUs;
    this.priorPausedUs[i] = this.pausedUs;
    this.appLimited[i] = appLimited ? 1 : 0;
    this.inFlightBytes += length;
    this.inFlightSegments++;
    return seq;
  }

  /** Length that was asked for under a send number that is known to be in the ring. */
  lengthOf(seq: number): number {
    return this.length[seq & this.mask]!;
  }

  /** When a send number that is known to be in the ring was asked for: no round trip can be longer ago. */
  askedAtUs(seq: number): number {
    return this.askedUs[seq & this.mask]!;
  }

  /** A segment has come; it left the server at `leftUs` by our clock. `length` may be shorter than asked for only at the
   *  file's end, which the caller checks. */
  arrive(nowUs: number, leftUs: number, seq: number, offset: number, length: number): Arrival {
    if (seq >= this.nextSeq || seq < this.nextSeq - this.mask - 1) return arrival.unknown;
    const i = seq & this.mask;
    const was = this.state[i];
    if (was === free || this.offset[i] !== offset || length > this.length[i]!) {
      return arrival.unknown;
    }
    this.state[i] = free;
    this.delivered += length;
    this.gapUs = nowUs - this.deliveredUs;
    if (this.gapUs > this.pauseUs) this.pausedUs += this.gapUs;
    this.pausedSinceAskedUs = this.pausedUs - this.priorPausedUs[i]!;
    this.deliveredUs = nowUs;
    if (was === outstanding) {
      this.inFlightBytes -= this.length[i]!;
      this.inFlightSegments--;
    }
    if (seq > this.newest) {
      this.newest = seq;
      this.newestLeftUs = leftUs;
    }
    if (seq > this.largest) {
      this.largest = seq;
      this.largestAskedUs = this.askedUs[i]!;
    }
    if (was === outstanding) return arrival.expected;
    this.lateSegments++;
    this.widen(nowUs, seq);
    return arrival.late;
  }

  /** Fill `sample` from the newest segment that came since the last call; `minRttUs` bounds its interval from below. */
  takeSample(minRttUs: number, sample: RateSample): void {
    sample.rate = 0;
    if (this.newest < 0) return;
    const i = this.newest & this.mask;
    this.newest = -1;
    // Not the asking counts but the leaving: we ask ahead of the rate at times, and all at once after a delay.
    const leaveUs = this.newestLeftUs - this.priorFirstUs[i]!;
    const comeUs = this.deliveredUs - this.priorDeliveredUs[i]!;
    this.firstLeftUs = Math.max(this.firstLeftUs, this.newestLeftUs);
    sample.priorDelivered = this.priorDelivered[i]!;
    sample.appLimited = this.appLimited[i] === 1;
    const intervalUs = Math.max(leaveUs, comeUs);
    // Shorter than the path's round trip, it can only be an artefact.
    if (intervalUs < minRttUs || intervalUs <= 0) return;
    sample.rate = (this.delivered - sample.priorDelivered) / intervalUs;
  }

  /** Give up what RFC 9002 §6.1 calls lost; `onLost` hears of each. Sets `lossTimeUs` for those that are nearly. */
  detectLosses(
    nowUs: number,
    rttUs: number,
    onLost: (offset: number, length: number, marks: number) => void,
  ): void {
    this.lossTimeUs = Infinity;
    const delayUs = rttUs + Math.max(rttUs / 8, this.reorderUs, 1_000);
    const packetLimit = this.largest - this.reorderSegments;
    let front = true;
    for (let seq = this.settled; seq < this.largest; seq++) {
      const i = seq & this.mask;
      if (this.state[i] === outstanding) {
        const dueUs = this.askedUs[i]! + delayUs;
        const sooner = this.askedUs[i]! <= this.largestAskedUs;
        if ((seq <= packetLimit || dueUs <= nowUs) && sooner) this.giveUp(i, onLost);
        else {
          front = false;
          if (dueUs < this.lossTimeUs) this.lossTimeUs = dueUs;
          // Later ones were asked for later: neither threshold can have reached them.
          if (seq > packetLimit) return;
        }
      }
      if (front) this.settled = seq + 1;
    }
  }

  /** Give up everything: nothing has come for several probe timeouts. What comes after all is still known, unless
   *  `skip`: send numbers then go on a ring further up, past those that the server may believe, by a damaged request,
   *  to have answered. */
  giveUpAll(skip: boolean, onLost: (offset: number, length: number, marks: number) => void): void {
    for (let seq = this.settled; seq < this.nextSeq; seq++) {
      const i = seq & this.mask;
      if (this.state[i] === outstanding) this.giveUp(i, onLost);
    }
    if (skip) this.nextSeq += this.mask + 1;
    this.settled = this.nextSeq;
    this.lossTimeUs = Infinity;
  }

  /** Forget what was asked for at or beyond the file's end: it will not come, and is not lost. */
  forgetBeyond(sizeBytes: number): void {
    for (let seq = this.settled; seq < this.nextSeq; seq++) {
      const i = seq & this.mask;
      if (this.state[i] === outstanding && this.offset[i]! >= sizeBytes) {
        this.settle(i, free);
      }
    }
  }

  /** The oldest (or the newest) `count` segments in flight that have no copy yet get one: `visit` asks for it. */
  copyOutstanding(
    count: number,
    fromNewest: boolean,
    visit: (offset: number, length: number) => void,
  ): void {
    const last = this.nextSeq - 1;
    let left = count;
    for (let k = 0; k <= last - this.settled && left > 0; k++) {
      const i = (fromNewest ? last - k : this.settled + k) & this.mask;
      const marks = this.marks[i]!;
      if (this.state[i] !== outstanding || marks !== 0) continue;
      this.marks[i] = marks | mark.copied;
      left--;
      visit(this.offset[i]!, this.length[i]!);
    }
  }

  private giveUp(i: number, onLost: (offset: number, length: number, marks: number) => void): void {
    this.settle(i, lost);
    this.lostSegments++;
    onLost(this.offset[i]!, this.length[i]!, this.marks[i]!);
  }

  private settle(i: number, state: number): void {
    this.state[i] = state;
    this.inFlightBytes -= this.length[i]!;
    this.inFlightSegments--;
  }

  /** A loss was none: tolerate that much reordering from now on. */
  private widen(nowUs: number, seq: number): void {
    const distance = this.largest - seq;
    const wanted = Math.min(limit.maxReorderSegments, Math.ceil(distance * 1.25) + 1);
    this.reorderSegments = Math.max(this.reorderSegments, wanted);
    // How much longer than the newest segment's it took, in time.
    const laterUs = this.largestAskedUs - this.askedUs[seq & this.mask]!;
    const tookUs = nowUs - this.askedUs[seq & this.mask]!;
    this.reorderUs = Math.max(this.reorderUs, Math.min(laterUs * 1.25, tookUs / 2));
  }
}
