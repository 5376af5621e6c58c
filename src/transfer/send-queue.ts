// One transfer at the sending end: the ranges that wait to be sent, and how they become bursts of datagrams.
// Pure. Knows nothing of what became of a segment: whoever wants one again asks again.

import { transfer as limit } from "../limits.ts";
import { RangeSet } from "./ranges.ts";
import { type Ask, type Request, dataHeaderBytes, tagOf, writeDataHeader } from "./wire.ts";

/** Reads [offset, offset + length) of the file into `into` at `at`; returns the bytes read. Fewer than asked for: the file
 *  has changed, and the transfer ends with GONE "changed". Called from `pollTransmit`, so synchronously. */
export type ReadInto = (offset: number, into: Uint8Array, at: number, length: number) => number;

/** Kernel's bound for one send with UDP_SEGMENT: 64 datagrams (UDP_MAX_SEGMENTS before 6.x), 64 KiB less headers. */
const maxBurstDatagrams = 64;
const maxBurstBytes = 65_487;
/** From this rate on (200 Mbit/s) what may leave gathers for so long: to send every datagram by itself would cost too much, and
 *  what a timer of a millisecond lets through at once is half of a short path's queue. */
const fastBytesPerUs = 25;
const gatherUs = 250;
/** A slower one is not worth waking up for more often. */
const slowWaitUs = 1_000;
/** Late requests that are waited for. */
const maxGaps = 64;

interface Waiting {
  ask: Ask;
  /** The client's time in the request, and ours when it came. */
  echoUs: number;
  arrivedUs: number;
  /** Bytes of the ask that have left. */
  sent: number;
}

export class Outgoing {
  /** The address that has proven itself with a cookie; empty before. */
  address = "";
  port = 0;
  /** The file is not what it was: a GONE has to be sent, and nothing else. */
  changed = false;
  /** It is among those that take turns. */
  queued = false;
  /** Send numbers that have been taken: requests come doubled, repeated and out of order, and each ask counts once.
   *  Nearly always one range; the gaps are requests that are late or lost. */
  private readonly taken = new RangeSet();
  private readonly waiting: Waiting[] = [];
  private head = 0;
  private backlog = 0;
  /** Bytes per µs; 0 is not paced. */
  private pace = 0;
  private burstUs = 0;
  private credit = 0;
  private creditAtUs = 0;
  /** Bytes that were asked for without a pace: they don't wait, whatever is asked for after them. */
  private unpaced = 0;
  readonly tag: { high: number; low: number };

  constructor(
    readonly token: Uint8Array,
    readonly sizeBytes: number,
    private readonly read: ReadInto,
    private readonly maxSegmentBytes: number,
  ) {
    this.tag = tagOf(token);
  }

  get backlogBytes(): number {
    return this.backlog;
  }

  get isWaiting(): boolean {
    return this.head < this.waiting.length;
  }

  /** Queue the asks that are new, all to leave at the given pace. Beyond the file and the queue's bound they are dropped. */
  take(nowUs: number, request: Request): void {
    this.refill(nowUs);
    this.pace = request.paceBytesPerMs / 1_000;
    this.burstUs = request.burstUs;
    const echoUs = request.timeUs;
    for (const ask of request.asks) {
      const endSeq = ask.firstSeq + Math.ceil(ask.length / ask.segmentBytes);
      if (this.taken.meets(ask.firstSeq, endSeq)) continue;
      this.taken.add(ask.firstSeq, endSeq);
      // The oldest gap will not be filled any more.
      if (this.taken.count > maxGaps) this.taken.fillFirstGap();
      const length = Math.min(ask.length, this.sizeBytes - ask.offset);
      if (length <= 0 || ask.segmentBytes > this.maxSegmentBytes) continue;
      if (this.waiting.length - this.head >= limit.maxWaitingAsks) continue;
      if (this.backlog + length > limit.maxBacklogBytes) continue;
      this.waiting.push({ ask: { ...ask, length }, echoUs, arrivedUs: nowUs, sent: 0 });
      this.backlog += length;
      if (this.pace === 0) this.unpaced += length;
    }
  }

  /** When the next datagram may leave, in µs: now or earlier, later, or Infinity if none waits. */
  readyUs(nowUs: number): number {
    if (!this.isWaiting) return Infinity;
    this.refill(nowUs);
    const isFast = this.pace >= fastBytesPerUs;
    const enough = isFast ? Math.min(this.backlog, this.pace * gatherUs) : 1;
    if (this.pace === 0 || this.unpaced > 0 || this.credit >= enough) return nowUs;
    const waitUs = (enough - this.credit) / this.pace;
    return nowUs + (isFast ? waitUs : Math.max(waitUs, slowWaitUs));
  }

  private refill(nowUs: number): void {
    const elapsedUs = Math.max(0, nowUs - this.creditAtUs);
    this.creditAtUs = nowUs;
    this.credit = Math.min(this.credit + elapsedUs * this.pace, this.pace * this.burstUs);
  }

  /** Forget what waits. */
  clear(): void {
    this.waiting.length = 0;
    this.head = 0;
    this.backlog = 0;
    this.unpaced = 0;
  }

  /** Fill `into` with datagrams of one size (the last may be shorter); returns their sizes' sum and that size.
   *  To be called when `readyUs` has come: credit may be overdrawn by a datagram.
   *  A file that has become shorter ends the transfer: `changed` is then set. */
  fill(nowUs: number, into: Uint8Array): { bytes: number; datagramBytes: number } {
    let at = 0;
    let datagramBytes = 0;
    let datagrams = 0;
    const room = Math.min(maxBurstBytes, into.length);
    while (this.head < this.waiting.length && datagrams < maxBurstDatagrams) {
      const entry = this.waiting[this.head]!;
      const { ask } = entry;
      const length = Math.min(ask.segmentBytes, ask.length - entry.sent);
      const size = dataHeaderBytes + length;
      const spent = this.pace > 0 && this.unpaced <= 0 && this.credit <= 0;
      if (datagrams > 0 && (spent || size > datagramBytes || at + size > room)) break;
      const offset = ask.offset + entry.sent;
      if (this.read(offset, into, at + dataHeaderBytes, length) !== length) {
        this.changed = true;
        this.clear();
        return { bytes: 0, datagramBytes: 0 };
      }
      const seq = ask.firstSeq + entry.sent / ask.segmentBytes;
      const holdUs = nowUs - entry.arrivedUs;
      const { high, low } = this.tag;
      writeDataHeader(into, at, high, low, seq, entry.echoUs, offset, holdUs, length);
      this.advance(entry, length);
      at += size;
      datagrams++;
      if (datagrams === 1) datagramBytes = size;
      else if (size < datagramBytes) break;
    }
    return { bytes: at, datagramBytes };
  }

  private advance(entry: Waiting, length: number): void {
    entry.sent += length;
    this.backlog -= length;
    if (this.unpaced > 0) this.unpaced -= length;
    else if (this.pace > 0) this.credit -= length;
    if (entry.sent < entry.ask.length) return;
    this.head++;
    if (this.head === this.waiting.length || this.head >= limit.maxWaitingAsks) {
      this.waiting.splice(0, this.head);
      this.head = 0;
    }
  }
}
