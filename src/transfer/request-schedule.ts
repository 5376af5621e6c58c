// Decides when a receiver may request and how much: congestion window, pacing, and the user's rate
// limit. Pure. Knows nothing of datagrams; the range picker knows what to request.

import type { CongestionController } from "./congestion/controller.ts";
import { Pacer } from "./congestion/pacer.ts";
import type { RttEstimator } from "./congestion/rtt.ts";
import type { RangePicker } from "./range-picker.ts";

/**
 * The last REQUEST is repeated after this delay, this many times: losing it would cost a timeout.
 */
const repeatUs = 2_000;
const maxRepeats = 2;
/**
 * Bounds of the burst after a delay, in µs of the rate: 1.5 ticks of a coarse event loop, and the
 * longest usual scheduling delay of a busy machine.
 */
const minBurstUs = 1_500;
const maxBurstUs = 20_000;
/** The first REQUEST is not paced; under a rate limit it requests at most this long's worth. */
const firstLimitUs = 100_000;
/**
 * When the window is full, wait until a sixteenth of it, or this long's worth of the rate, is free;
 * otherwise every arriving segment would cost a REQUEST.
 */
const windowParts = 16;
const windowUs = 500;
/** The same without a pace, on loopback, where each REQUEST wakes a process that may be idle. */
const unpacedParts = 2;
/**
 * Requests run this far ahead of the rate, so that the server does not run dry when a process or a
 * REQUEST is late. Requests waiting at the server are not on the path, and a change of the rate
 * takes effect immediately.
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

  /** The rate of requests; Infinity: unpaced. */
  get paceBytesPerUs(): number {
    return Math.min(this.controller.pacingBytesPerUs, this.limitBytesPerUs);
  }

  /**
   * The rate at which the server should send: the path's rate. A user's limit is enforced by
   * requesting less, since segments held back at the server would look lost.
   */
  get sendBytesPerUs(): number {
    return this.controller.pacingBytesPerUs;
  }

  /** Whether the user's limit, not the network, bounds the rate. */
  get isLimited(): boolean {
    return this.limitBytesPerUs <= this.controller.pacingBytesPerUs;
  }

  /**
   * How much of `bytes` the first REQUEST may cover: 100 ms of the limit, but at least one segment.
   */
  firstBudget(bytes: number): number {
    const most = Math.max(this.picker.mtu.segmentBytes, this.limitBytesPerUs * firstLimitUs);
    return Math.floor(Math.min(bytes, this.controller.windowBytes, most));
  }

  /** The largest burst after a delay, at either end: a third of a round trip, within bounds. */
  get burstUs(): number {
    const { minUs } = this.rtt;
    return Math.min(maxBurstUs, Math.max(minBurstUs, minUs < Infinity ? minUs / 3 : 0));
  }

  /** Accrues pacing credit until `nowUs`. */
  update(nowUs: number): void {
    const { segmentBytes } = this.picker.mtu;
    this.pacer.update(nowUs, this.paceBytesPerUs, segmentBytes, this.burstUs);
  }

  spend(bytes: number): void {
    this.pacer.spend(bytes);
  }

  /** A REQUEST was sent; `isNew` if it contains new ranges. */
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
      return window >= Math.max(least, controller.windowBytes / unpacedParts) ? window : 0;
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

  /** Bytes in flight that wait at the server and are not on the path yet. */
  get heldBytes(): number {
    return this.aheadBytes * Math.min(1, this.heldUs / aheadUs);
  }

  private minWindowRoom(rate: number, least: number): number {
    return Math.max(least, Math.min(this.controller.windowBytes / windowParts, rate * windowUs));
  }

  /** Free window space; a segment larger than the window may still be sent alone. */
  private windowRoom(least: number): number {
    const onPath = this.picker.segments.inFlightBytes - this.heldBytes;
    return Math.max(this.controller.windowBytes, 2 * least) - onPath;
  }

  private get aheadBytes(): number {
    const rate = this.paceBytesPerUs;
    return this.isLimited || this.controller.phase === "startup" ? 0 : rate * aheadUs;
  }
}
