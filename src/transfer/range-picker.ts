// Picks what to request next: lost ranges first, then new ones, then copies of the last segments.
// Keeps track of the bytes wanted, in flight and missing; the receiver decides when to request and
// how much. Pure.

import { udpTransfer as limit } from "../limits.ts";
import type { MtuDiscovery } from "./mtu-discovery.ts";
import { RangeSet } from "./ranges.ts";
import { mark, SentSegments } from "./sent-segments.ts";
import type { RangeRequest } from "./wire.ts";

/** New ranges per REQUEST; together with the repeated ones they fit one datagram. */
const maxNewRanges = 16;
/**
 * A REQUEST repeats the ranges of this many predecessors, so that a lost one costs no round trip.
 */
const repeatedRequests = 3;
/**
 * At the end, copies may take this share of all bytes requested, and at least `minCopies` segments.
 */
const copyShare = 0.006;
const minCopies = 3;

export class RangePicker {
  /** Bytes to request, for the first time or again. */
  readonly wanted: RangeSet;
  /** Bytes that have not arrived. */
  readonly missing: RangeSet;
  readonly segments = new SentSegments();
  sizeBytes = Infinity;
  /** Nothing at or beyond this offset is requested. */
  horizon = Infinity;
  requestedBytes = 0;
  requestedSegments = 0;
  /** Bytes requested more than once. */
  repeatedBytes = 0;
  private copiedBytes = 0;
  /** The ranges of recent REQUESTs, and those picked for the next one. */
  private readonly recent: RangeRequest[][] = [];
  private picked: RangeRequest[] = [];
  /** Everything has been requested once: only repeats follow. */
  private isEndgame = false;
  private isTailCopied = false;

  constructor(
    wanted: readonly (readonly [start: number, end: number])[],
    readonly mtu: MtuDiscovery,
  ) {
    this.wanted = new RangeSet(wanted);
    this.missing = new RangeSet(wanted);
  }

  /** Whether there is something to request within the horizon. */
  get hasWanted(): boolean {
    return this.wanted.firstByte < this.horizon;
  }

  /** Bytes of the smallest request worth sending now. */
  get minRequestBytes(): number {
    return Math.min(this.mtu.segmentBytes, Math.max(1, this.wanted.firstLength));
  }

  /**
   * Picks ranges of at most `budget` bytes (an MTU probe may exceed it); returns how many bytes.
   */
  pick(budget: number, appLimited: boolean, nowUs: number): number {
    this.picked = [];
    let left = budget;
    while (this.picked.length < maxNewRanges && this.hasWanted) {
      const start = this.wanted.firstByte;
      const length = Math.min(this.wanted.firstLength, this.horizon - start);
      const probe = this.mtu.probeBytes;
      if (probe > 0 && length >= probe && left >= Math.min(probe, this.mtu.segmentBytes * 2)) {
        this.mtu.onProbeSent();
        left -= this.requestWanted(start, probe, probe, mark.mtuProbe, appLimited, nowUs);
        continue;
      }
      const segment = this.mtu.segmentBytes;
      const most = Math.min(this.segments.room, limit.maxRangeBytes / segment);
      const segments = Math.min(Math.floor(left / segment), Math.floor(most));
      // Include a remainder that is shorter than a segment.
      const take = length <= left && length <= most * segment ? length : segments * segment;
      if (take <= 0) break;
      const mayCopy = 2 * Math.ceil(take / segment) <= this.segments.room && this.mayCopy(take);
      const isCopied = this.isEndgame && mayCopy;
      const marks = isCopied ? mark.copied : 0;
      left -= this.requestWanted(start, take, segment, marks, appLimited, nowUs);
      if (isCopied) left -= this.requestCopy(start, take, nowUs);
    }
    if (this.wanted.isEmpty && this.sizeBytes < Infinity) this.isEndgame = true;
    if (budget > left) this.isTailCopied = false;
    return budget - left;
  }

  /** Picks ranges for the first REQUEST, without an MTU probe. */
  pickFirst(budget: number, nowUs: number): number {
    this.picked = [];
    let left = budget;
    while (this.picked.length < maxNewRanges && this.hasWanted && left > 0) {
      const start = this.wanted.firstByte;
      const take = Math.min(this.wanted.firstLength, this.horizon - start, left);
      left -= this.requestWanted(start, take, this.mtu.segmentBytes, 0, false, nowUs);
    }
    return budget - left;
  }

  /**
   * Requests the newest segments in flight again, so that a lost last segment is noticed without a
   * timeout.
   */
  pickTailCopies(count: number, nowUs: number): number {
    if (this.isTailCopied || !this.isEndgame) return 0;
    this.isTailCopied = true;
    return this.pickCopies(count, "newest", nowUs);
  }

  /** Requests `count` segments in flight again. */
  pickCopies(count: number, which: "oldest" | "newest", nowUs: number): number {
    this.picked = [];
    let bytes = 0;
    const ranges: [number, number][] = [];
    this.segments.copyOutstanding(count, which, (offset, length) => {
      ranges.push([offset, length]);
    });
    for (const [offset, length] of ranges) {
      if (this.picked.length < maxNewRanges) bytes += this.requestCopy(offset, length, nowUs);
    }
    return bytes;
  }

  get mayCopyTail(): boolean {
    return this.isEndgame && !this.isTailCopied && this.mayCopy(this.mtu.segmentBytes);
  }

  /** The ranges of the next REQUEST: repeated ones, then newly picked ones, if any (`isNew`). */
  takeRanges(): { ranges: RangeRequest[]; isNew: boolean } {
    const ranges = [...this.recent.flat(), ...this.picked];
    const isNew = this.picked.length > 0;
    if (isNew) {
      this.recent.push(this.picked);
      if (this.recent.length > repeatedRequests) this.recent.shift();
    }
    this.picked = [];
    return { ranges, isNew };
  }

  /** A segment was lost: its missing bytes are wanted again, unless a copy is in flight. */
  readonly onLost = (offset: number, length: number, marks: number): void => {
    if ((marks & mark.mtuProbe) !== 0) this.mtu.onProbeLost(length);
    if ((marks & mark.copied) !== 0) return;
    this.missing.overlap(offset, offset + length, (start, end) => {
      this.wanted.add(start, end);
      this.repeatedBytes += end - start;
    });
  };

  /** A segment arrived, perhaps after being declared lost: it need not be requested again. */
  onLateSegment(offset: number, length: number): void {
    this.repeatedBytes -= this.wanted.remove(offset, offset + length);
  }

  /** The size is known: nothing past it is wanted, missing or in flight. */
  setSize(sizeBytes: number): void {
    this.sizeBytes = sizeBytes;
    this.wanted.remove(sizeBytes, Infinity);
    this.missing.remove(sizeBytes, Infinity);
    this.segments.forgetBeyond(sizeBytes);
    if (this.wanted.isEmpty) this.isEndgame = true;
  }

  /** Requests received bytes again that turned out to be corrupt. */
  wantAgain(offset: number, length: number): void {
    const end = Math.min(offset + length, this.sizeBytes);
    this.missing.add(offset, end);
    this.wanted.add(offset, end);
    this.repeatedBytes += Math.max(0, end - offset);
  }

  private mayCopy(bytes: number): boolean {
    const least = minCopies * this.mtu.segmentBytes;
    return this.copiedBytes + bytes <= Math.max(least, this.requestedBytes * copyShare);
  }

  private requestCopy(offset: number, length: number, nowUs: number): number {
    this.copiedBytes += length;
    this.repeatedBytes += length;
    return this.request(offset, length, this.mtu.segmentBytes, 0, true, nowUs);
  }

  private requestWanted(
    start: number,
    length: number,
    segmentBytes: number,
    marks: number,
    appLimited: boolean,
    nowUs: number,
  ): number {
    this.wanted.remove(start, start + length);
    return this.request(start, length, segmentBytes, marks, appLimited, nowUs);
  }

  private request(
    start: number,
    length: number,
    segmentBytes: number,
    marks: number,
    appLimited: boolean,
    nowUs: number,
  ): number {
    const { segments } = this;
    const firstSeq = segments.nextSeq;
    for (let done = 0; done < length; done += segmentBytes) {
      const part = Math.min(segmentBytes, length - done);
      segments.onRequested(start + done, part, marks, appLimited, nowUs);
      this.requestedSegments++;
    }
    this.requestedBytes += length;
    this.picked.push({ firstSeq, offset: start, length, segmentBytes });
    return length;
  }
}
