// When a receiver may request, and how much: the congestion window and rate, the pacer's credit, a
// limit set by hand. Pure. Knows nothing of datagrams; the range picker says what there is to
// request.

import type { CongestionController } from "./congestion/controller.ts";
import { Pacer } from "./congestion/pacer.ts";
import type { RttEstimator } from "./congestion/rtt.ts";
import type { RangePicker } from "./range-picker.ts";

/**
 * A REQUEST that no other has followed is repeated after this long, this often: losing the last one
 * would otherwise cost a timeout.
 */
const repeatUs = 2_000;
const maxRepeats = 2;
/**
 * Bounds of the burst after a delay, in µs of the rate: 1.5 ticks of a coarse event loop, and as
 * long as processes on a busy machine keep each other waiting.
 */
const minBurstUs = 1_500;
const maxBurstUs = 20_000;
/** The first REQUEST is not paced: where a limit is set, it takes at most this long's worth. */
const firstLimitUs = 100_000;
/**
 * When window-limited, wait until a sixteenth of the window is free, or this long's worth of the
 * rate: a REQUEST for every segment that arrives would cost a datagram each.
 */
const windowParts = 16;
const windowUs = 500;
/**
 * Requests run this far ahead of the rate, so that the server has something to send while a process
 * or a REQUEST is late. What waits there is not on the path, and a change of the rate takes effect
 * at once.
 */
const aheadUs = 3_000;

export class RequestSchedule {
  /** How long the newest segment's request waited at the server, in µs. */
  heldUs = 0;
  private readonly pacer = new Pacer();
  private lastRequestUs = 0;
  private repeats = maxRepeats;

  constructor(
    private readonly picker: RangePicker,
    private readonly controller: CongestionController,
    private readonly rtt: RttEstimator,
    private readonly limitBytesPerUs: number,
  ) {}

  /** The rate of our requests; Infinity for no pacing. */
  get paceBytesPerUs(): number {
    return Math.min(this.controller.pacingBytesPerUs, this.limitBytesPerUs);
  }

  /**
   * The rate at which the server is to send: the path's. A limit is enforced by requesting less;
   * what it held back at the server would look lost.
   */
  get sendBytesPerUs(): number {
    return this.controller.pacingBytesPerUs;
  }

  /** The limit, not the network, holds the rate down. */
  get isLimited(): boolean {
    return this.limitBytesPerUs <= this.controller.pacingBytesPerUs;
  }

  /**
   * How much of `bytes` the first REQUEST may take: 100 ms worth of the limit, but at least a
   * segment.
   */
  firstBudget(bytes: number): number {
    const most = Math.max(this.picker.mtu.segmentBytes, this.limitBytesPerUs * firstLimitUs);
    return Math.floor(Math.min(bytes, this.controller.windowBytes, most));
  }

  /**
   * The largest burst after a delay, at either end: what a queue of a third of a round trip holds.
   */
  get burstUs(): number {
    const { minUs } = this.rtt;
    return Math.min(maxBurstUs, Math.max(minBurstUs, minUs < Infinity ? minUs / 3 : 0));
  }

  /** Lets credit grow until now. */
  update(nowUs: number): void {
    const { segmentBytes } = this.picker.mtu;
    this.pacer.update(nowUs, this.paceBytesPerUs, segmentBytes, this.burstUs);
  }

  spend(bytes: number): void {
    this.pacer.spend(bytes);
  }

  /** A REQUEST has left; `isNew` if it names new ranges. */
  onRequested(isNew: boolean, nowUs: number): void {
    this.lastRequestUs = nowUs;
    if (isNew) this.repeats = 0;
  }

  onRepeated(): void {
    this.repeats++;
  }

  /** Bytes that window and pacing allow now. */
  budget(): number {
    const { picker, controller } = this;
    if (!picker.hasWanted || picker.segments.room < 1) return 0;
    const least = picker.minRequestBytes;
    const window = this.windowRoom(least);
    const rate = this.paceBytesPerUs;
    if (rate === Infinity) {
      return window >= Math.max(least, controller.windowBytes / 8) ? window : 0;
    }
    if (window < this.minWindowRoom(rate, least)) return 0;
    const credit = this.pacer.available(rate, least, this.aheadBytes);
    return credit < least ? 0 : Math.min(credit, window);
  }

  /** When pacing allows the next request; Infinity if the window is full or nothing is wanted. */
  nextRequestUs(): number {
    const { picker } = this;
    const rate = this.paceBytesPerUs;
    if (!picker.hasWanted || rate === Infinity || picker.segments.room < 1) return Infinity;
    const least = picker.minRequestBytes;
    if (this.windowRoom(least) < this.minWindowRoom(rate, least)) return Infinity;
    return this.pacer.readyUs(this.lastRequestUs, rate, least, this.aheadBytes);
  }

  /** When to repeat the last REQUEST; Infinity if it has been, or nothing is in flight. */
  repeatAtUs(): number {
    const { segments } = this.picker;
    if (this.repeats >= maxRepeats || segments.inFlightSegments === 0) return Infinity;
    return this.lastRequestUs + Math.max(repeatUs, this.rtt.smoothedUs / 8);
  }

  /** Bytes in flight that still wait at the server, not on the path. */
  get heldBytes(): number {
    return this.aheadBytes * Math.min(1, this.heldUs / aheadUs);
  }

  private minWindowRoom(rate: number, least: number): number {
    return Math.max(least, Math.min(this.controller.windowBytes / windowParts, rate * windowUs));
  }

  /** Room in the window; a segment larger than the window may still go alone. */
  private windowRoom(least: number): number {
    const onPath = this.picker.segments.inFlightBytes - this.heldBytes;
    return Math.max(this.controller.windowBytes, 2 * least) - onPath;
  }

  private get aheadBytes(): number {
    const rate = this.paceBytesPerUs;
    return this.isLimited || this.controller.phase === "startup" ? 0 : rate * aheadUs;
  }
}
