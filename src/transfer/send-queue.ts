// One transfer at the sending end: a queue of requested ranges, sent as paced bursts of datagrams.
// Pure. Does not track segments: a client that misses one requests it again.

import { udpTransfer as limit } from "../limits.ts";
import type { UdpPath } from "./udp-path.ts";
import { RangeSet } from "./ranges.ts";
import {
  type RangeRequest,
  type Request,
  dataHeaderBytes,
  type Failure,
  tagOf,
  writeDataHeader,
} from "./wire.ts";

/**
 * Reads sealed bytes [offset, offset + length) into `into` at `at`; returns how many. If it returns
 * fewer, the transfer has failed and ends with GONE. Synchronous, since `pollTransmit` calls it.
 */
export type ReadInto = (offset: number, into: Uint8Array, at: number, length: number) => number;

/** The data that a transfer sends. */
export interface SegmentSource {
  readonly read: ReadInto;
  /** Bytes that had to be sealed since the last call. */
  takeSealedBytes(): number;
  /** Why `read` returned less than was wanted (default: the file has changed). */
  readonly failure?: Failure | undefined;
}

/**
 * The kernel's limits for one send with UDP_SEGMENT: 64 datagrams (UDP_MAX_SEGMENTS before Linux
 * 6), 64 KiB less headers.
 */
const maxBurstDatagrams = 64;
const maxBurstBytes = 65_487;
/**
 * From this rate on (200 Mbit/s) credit accrues for `gatherUs` before a burst: one send per
 * datagram would cost too much, while a burst of a whole millisecond fills half of a short path's
 * queue.
 */
const fastBytesPerUs = 25;
const gatherUs = 250;
/** Below that rate, waking up more often than this is not worth it. */
const slowWaitUs = 1_000;
/** Maximum number of gaps in the send numbers seen, which late REQUESTs may still fill. */
const maxGaps = 64;
/**
 * How far sealing may run ahead of sending before it counts as debt: the segments of a chunk are
 * sent over many bursts.
 */
const maxAdvanceBytes = 256 * 1_024;

interface QueuedRange {
  range: RangeRequest;
  /** The client's time in the REQUEST, and the server's time when it arrived. */
  echoUs: number;
  arrivedUs: number;
  sentBytes: number;
}

export class SendQueue {
  /** The path that a cookie has validated; undefined until then. */
  path: UdpPath | undefined;
  /** Set once the transfer has failed: from then on only GONE is sent. */
  failure: Failure | undefined;
  /** Whether this queue is in the sender's round robin. */
  isScheduled = false;
  /**
   * Send numbers seen, so that each range counts once although REQUESTs are repeated, duplicated
   * and reordered. Usually a single range; gaps are late or lost REQUESTs.
   */
  private readonly seen = new RangeSet();
  private readonly waiting: QueuedRange[] = [];
  private head = 0;
  private backlog = 0;
  /** Bytes per µs; 0: unpaced. */
  private pace = 0;
  private burstUs = 0;
  private credit = 0;
  private creditAtUs = 0;
  /** Bytes requested without a pace: they are sent unpaced even if later requests set one. */
  private unpacedBytes = 0;
  /** Bytes sealed beyond those sent; this queue must make up for them when others wait. */
  private debt = 0;
  readonly tag: { high: number; low: number };

  constructor(
    readonly token: Uint8Array,
    readonly sizeBytes: number,
    private readonly source: SegmentSource,
    private readonly maxSegmentBytes: number,
  ) {
    this.tag = tagOf(token);
  }

  get backlogBytes(): number {
    return this.backlog;
  }

  /** Whether this queue must yield to others; each call pays off a burst's worth of its debt. */
  payDebt(): boolean {
    if (this.debt <= 0) return false;
    this.debt -= maxBurstBytes;
    return true;
  }

  get isWaiting(): boolean {
    return this.head < this.waiting.length;
  }

  /**
   * Queues new ranges and sets the pace of everything in the queue. Drops ranges past the end of
   * the file or beyond the queue's bounds.
   */
  handleRequest(request: Request, nowUs: number): void {
    this.refill(nowUs);
    this.pace = request.paceBytesPerMs / 1_000;
    // With less, credit might never suffice for a datagram.
    this.burstUs = Math.max(request.burstUs, slowWaitUs);
    const echoUs = request.timeUs;
    for (const range of request.ranges) {
      const endSeq = range.firstSeq + Math.ceil(range.length / range.segmentBytes);
      if (this.seen.meets(range.firstSeq, endSeq)) continue;
      this.seen.add(range.firstSeq, endSeq);
      // Give up on the oldest gap.
      if (this.seen.count > maxGaps) this.seen.fillFirstGap();
      const length = Math.min(range.length, this.sizeBytes - range.offset);
      if (length <= 0 || range.segmentBytes > this.maxSegmentBytes) continue;
      if (this.waiting.length - this.head >= limit.maxQueuedRanges) continue;
      if (this.backlog + length > limit.maxBacklogBytes) continue;
      const queued = { range: { ...range, length }, echoUs, arrivedUs: nowUs, sentBytes: 0 };
      this.waiting.push(queued);
      this.backlog += length;
      if (this.pace === 0) this.unpacedBytes += length;
    }
  }

  /** When the next datagram may be sent, in µs; Infinity if the queue is empty. */
  readyUs(nowUs: number): number {
    if (!this.isWaiting) return Infinity;
    this.refill(nowUs);
    const isFast = this.pace >= fastBytesPerUs;
    const enough = isFast ? Math.min(this.backlog, this.pace * gatherUs) : 1;
    if (this.pace === 0 || this.unpacedBytes > 0 || this.credit >= enough) return nowUs;
    const waitUs = (enough - this.credit) / this.pace;
    return nowUs + (isFast ? waitUs : Math.max(waitUs, slowWaitUs));
  }

  /** Empties the queue. */
  clear(): void {
    this.waiting.length = 0;
    this.head = 0;
    this.backlog = 0;
    this.unpacedBytes = 0;
  }

  /**
   * Fills `into` with datagrams of one size (the last may be shorter); returns their total size and
   * that size. Call it only when `readyUs` has passed: it may overdraw credit by a datagram. Sets
   * `failure` if the source has less than was requested.
   */
  pollBurst(into: Uint8Array, nowUs: number): { bytes: number; datagramBytes: number } {
    let at = 0;
    let datagramBytes = 0;
    let datagrams = 0;
    let sealedBytes = 0;
    const room = Math.min(maxBurstBytes, into.length);
    while (this.head < this.waiting.length && datagrams < maxBurstDatagrams) {
      const queued = this.waiting[this.head]!;
      const { range, sentBytes } = queued;
      const length = Math.min(range.segmentBytes, range.length - sentBytes);
      const size = dataHeaderBytes + length;
      const isSpent = this.pace > 0 && this.unpacedBytes <= 0 && this.credit <= 0;
      if (datagrams > 0 && (isSpent || size > datagramBytes || at + size > room)) break;
      if (sealedBytes >= limit.maxSealedPerBurst) break;
      const offset = range.offset + sentBytes;
      const got = this.source.read(offset, into, at + dataHeaderBytes, length);
      sealedBytes += this.source.takeSealedBytes();
      if (got !== length) {
        this.failure = this.source.failure ?? "changed";
        this.clear();
        return { bytes: 0, datagramBytes: 0 };
      }
      const seq = range.firstSeq + sentBytes / range.segmentBytes;
      const holdUs = nowUs - queued.arrivedUs;
      const { high, low } = this.tag;
      writeDataHeader(into, at, high, low, seq, queued.echoUs, offset, holdUs, length);
      this.advance(queued, length);
      at += size;
      datagrams++;
      if (datagrams === 1) datagramBytes = size;
      else if (size < datagramBytes) break;
    }
    this.debt = Math.max(-maxAdvanceBytes, this.debt + sealedBytes - at);
    return { bytes: at, datagramBytes };
  }

  private refill(nowUs: number): void {
    const elapsedUs = Math.max(0, nowUs - this.creditAtUs);
    this.creditAtUs = nowUs;
    this.credit = Math.min(this.credit + elapsedUs * this.pace, this.pace * this.burstUs);
  }

  private advance(queued: QueuedRange, length: number): void {
    queued.sentBytes += length;
    this.backlog -= length;
    if (this.unpacedBytes > 0) this.unpacedBytes -= length;
    else if (this.pace > 0) this.credit -= length;
    if (queued.sentBytes < queued.range.length) return;
    this.head++;
    if (this.head === this.waiting.length || this.head >= limit.maxQueuedRanges) {
      this.waiting.splice(0, this.head);
      this.head = 0;
    }
  }
}
