// What to ask for next: fresh ranges first, lost ones before them, copies of the last ones when nothing else is left.
// Pure. Keeps the books of bytes — wanted, in flight, missing — and leaves when and how much to the receiver.

import { transfer as limit } from "../limits.ts";
import { Flight, mark } from "./sent-segments.ts";
import { RangeSet } from "./ranges.ts";
import { SegmentSizer } from "./mtu-discovery.ts";
import type { Ask } from "./wire.ts";

/** Fresh asks in one request; with those of the requests before it they fit a datagram. */
const maxFreshAsks = 16;
/** A request repeats the asks of this many before it: the loss of one costs no round trip. */
const repeatedRequests = 3;
/** Copies that the end may cost, as a share of all bytes asked for, and at least this many segments. */
const copyShare = 0.006;
const leastCopies = 3;

export class Asker {
  /** Bytes to be asked for (again). */
  readonly wanted: RangeSet;
  /** Bytes that have not come. */
  readonly missing: RangeSet;
  readonly flight = new Flight();
  sizeBytes = Infinity;
  horizon = Infinity;
  askedBytes = 0;
  askedSegments = 0;
  /** Bytes that have been asked for more than once. */
  againBytes = 0;
  /** The last request asked for something new. */
  lastWasFresh = false;
  private copiedBytes = 0;
  private readonly earlier: Ask[][] = [];
  private fresh: Ask[] = [];
  /** All has been asked for once: what is asked for now is the end game. */
  private ending = false;
  private tailCopied = false;

  constructor(
    wanted: readonly (readonly [start: number, end: number])[],
    readonly sizer: SegmentSizer,
  ) {
    this.wanted = new RangeSet(wanted);
    this.missing = new RangeSet(wanted);
  }

  /** True if there is something to ask for within the horizon. */
  get hasWanted(): boolean {
    return this.wanted.firstByte < this.horizon;
  }

  /** Bytes of the smallest useful ask now. */
  get leastBytes(): number {
    return Math.min(this.sizer.segmentBytes, Math.max(1, this.wanted.firstLength));
  }

  /** Choose fresh asks for at most `budget` bytes (a size probe may go past it); returns the bytes asked for. */
  choose(nowUs: number, budget: number, appLimited: boolean): number {
    this.fresh = [];
    let left = budget;
    while (this.fresh.length < maxFreshAsks && this.hasWanted) {
      const start = this.wanted.firstByte;
      const length = Math.min(this.wanted.firstLength, this.horizon - start);
      const probe = this.sizer.probeBytes;
      if (probe > 0 && length >= probe && left >= Math.min(probe, this.sizer.segmentBytes * 2)) {
        this.sizer.probed();
        left -= this.askRange(nowUs, start, probe, probe, mark.sizeProbe, appLimited);
        continue;
      }
      const segment = this.sizer.segmentBytes;
      const most = Math.min(this.flight.room, limit.maxAskBytes / segment);
      const segments = Math.min(Math.floor(left / segment), Math.floor(most));
      // A whole remainder that is shorter than a segment goes along, too.
      const take = length <= left && length <= most * segment ? length : segments * segment;
      if (take <= 0) break;
      const double = this.ending && this.mayCopy(take);
      const marks = double ? mark.copied : 0;
      left -= this.askRange(nowUs, start, take, segment, marks, appLimited);
      if (double) left -= this.copy(nowUs, start, take);
    }
    if (this.wanted.isEmpty && this.sizeBytes < Infinity) this.ending = true;
    if (budget > left) this.tailCopied = false;
    return budget - left;
  }

  /** The first request: one range in one piece, without a size probe. */
  chooseFirst(nowUs: number, budget: number): number {
    this.fresh = [];
    let left = budget;
    while (this.fresh.length < maxFreshAsks && this.hasWanted && left > 0) {
      const start = this.wanted.firstByte;
      const take = Math.min(this.wanted.firstLength, this.horizon - start, left);
      left -= this.askRange(nowUs, start, take, this.sizer.segmentBytes, 0, false);
    }
    return budget - left;
  }

  /** Ask for the newest segments in flight once more, so that the loss of the last ones shows without a timeout. */
  chooseTailCopies(nowUs: number, count: number): number {
    if (this.tailCopied || !this.ending) return 0;
    this.tailCopied = true;
    return this.chooseCopies(nowUs, count, true);
  }

  /** Ask for the oldest (or newest) `count` segments in flight once more. */
  chooseCopies(nowUs: number, count: number, fromNewest: boolean): number {
    this.fresh = [];
    let bytes = 0;
    const ranges: [number, number][] = [];
    this.flight.copyOutstanding(count, fromNewest, (offset, length) => {
      ranges.push([offset, length]);
    });
    for (const [offset, length] of ranges) {
      if (this.fresh.length < maxFreshAsks) bytes += this.copy(nowUs, offset, length);
    }
    return bytes;
  }

  get mayCopyTail(): boolean {
    return this.ending && !this.tailCopied && this.mayCopy(this.sizer.segmentBytes);
  }

  /** The asks of the next request: those of the last ones, then what has just been chosen. */
  takeAsks(): Ask[] {
    const asks = [...this.earlier.flat(), ...this.fresh];
    this.lastWasFresh = this.fresh.length > 0;
    if (this.fresh.length > 0) {
      this.earlier.push(this.fresh);
      if (this.earlier.length > repeatedRequests) this.earlier.shift();
    }
    this.fresh = [];
    return asks;
  }

  /** A segment is lost: what is missing of it is wanted again, unless a copy is on its way. */
  readonly lost = (offset: number, length: number, marks: number): void => {
    if ((marks & mark.sizeProbe) !== 0) this.sizer.onProbeLost(length);
    if ((marks & mark.copied) !== 0) return;
    this.missing.overlap(offset, offset + length, (start, end) => {
      this.wanted.add(start, end);
      this.againBytes += end - start;
    });
  };

  /** A segment that was given up came: what has not been asked for again need not be. */
  arrivedLate(offset: number, length: number): void {
    this.againBytes -= this.wanted.remove(offset, offset + length);
  }

  /** The file ends here: nothing beyond is wanted, missing or in flight. */
  end(sizeBytes: number): void {
    this.sizeBytes = sizeBytes;
    this.wanted.remove(sizeBytes, Infinity);
    this.missing.remove(sizeBytes, Infinity);
    this.flight.forgetBeyond(sizeBytes);
    // What the server could not send because it does not exist was never really asked for.
    if (this.wanted.isEmpty) this.ending = true;
  }

  /** Bytes that were taken for good are wanted again. */
  reject(offset: number, length: number): void {
    const end = Math.min(offset + length, this.sizeBytes);
    this.missing.add(offset, end);
    this.wanted.add(offset, end);
    this.againBytes += Math.max(0, end - offset);
  }

  private mayCopy(bytes: number): boolean {
    const least = leastCopies * this.sizer.segmentBytes;
    return this.copiedBytes + bytes <= Math.max(least, this.askedBytes * copyShare);
  }

  private copy(nowUs: number, offset: number, length: number): number {
    this.copiedBytes += length;
    this.againBytes += length;
    return this.note(nowUs, offset, length, this.sizer.segmentBytes, 0, true);
  }

  private askRange(
    nowUs: number,
    start: number,
    length: number,
    segmentBytes: number,
    marks: number,
    appLimited: boolean,
  ): number {
    this.wanted.remove(start, start + length);
    return this.note(nowUs, start, length, segmentBytes, marks, appLimited);
  }

  private note(
    nowUs: number,
    start: number,
    length: number,
    segmentBytes: number,
    marks: number,
    appLimited: boolean,
  ): number {
    const { flight } = this;
    const firstSeq = flight.nextSeq;
    for (let done = 0; done < length; done += segmentBytes) {
      const part = Math.min(segmentBytes, length - done);
      flight.ask(nowUs, start + done, part, marks, appLimited);
      this.askedSegments++;
    }
    this.askedBytes += length;
    this.fresh.push({ firstSeq, offset: start, length, segmentBytes });
    return length;
  }
}
