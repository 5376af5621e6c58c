// Decides when a receiver may request, and how much: congestion window, pacing, and a rate limit
// set by the user. Pure. Knows nothing of datagrams; the range picker knows what there is to
// request.

import type { CongestionController } from "./congestion/controller.ts";
import { Pacer } from "./congestion/pacer.ts";
import type { RttEstimator } from "./congestion/rtt.ts";
import type { RangePicker } from "./range-picker.ts";

/** The last REQUEST is repeated after this long, this often: losing it would cost a timeout. */
const repeatUs = 2_000;
const maxRepeats = 2;
/**
 * Bounds of the burst after a delay, in µs of the rate: 1.5 ticks of a coarse event loop, and the
 * longest usual scheduling delay of a busy machine.
 */
const minBurstUs = 1_500;
const maxBurstUs = 20_000;
/** The first REQUEST is not paced; under a rate limit it takes at most this long's worth. */
const firstLimitUs = 100_000;
/**
 * When window-limited, wait until a sixteenth of the window, or this long's worth of the rate, is
 * free; otherwise every arriving segment would cost a REQUEST.
 */
const windowParts = 16;
const windowUs = 500;
/**
 * Requests run this far ahead of the rate, so that the server does not run dry while a process or a
 * REQUEST is late. What waits there is not on the path, and a change of the rate takes effect at
 * once.
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

  /** The rate of our requests; Infinity: unpaced. */
  get paceBytesPerUs(): number {
    return Math.min(this.controller.pacingBytesPerUs, this.limitBytesPerUs);
  }

  /**
   * The rate at which the server is to send: the path's. A rate limit is enforced by requesting
   * less, since segments held back at the server would look lost.
   */
  get sendBytesPerUs(): number {
    return this.controller.pacingBytesPerUs;
  }

  /** The user's limit, not the network, bounds the rate. */
  get isLimited(): boolean {
    return this.limitBytesPerUs <= this.controller.pacingBytesPerUs;
  }

  /**
   * How much of `bytes` the first REQUEST may ask for: 100 ms of the limit, but at least a segment.
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

  /** Accrues pacing credit until now. */
  update(nowUs: number): void {
    const { segmentBytes } = this.picker.mtu;
    this.pacer.update(nowUs, this.paceBytesPerUs, segmentBytes, this.burstUs);
  }

  spend(bytes: number): void {
    this.pacer.spend(bytes);
  }

  /** A REQUEST was sent; `isNew` if it has new ranges. */
  onRequested(isNew: boolean, nowUs: number): void {
    this.lastRequestUs = nowUs;
    if (isNew) this.repeats = 0;
  }

  onRepeated(): void {
    this.repeats++;
  }

  /** Bytes that the window and pacing allow now. */
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

  /** When to repeat the last REQUEST; Infinity if that is done, or nothing is in flight. */
  repeatAtUs(): number {
    const { segments } = this.picker;
    if (this.repeats >= maxRepeats || segments.inFlightSegments === 0) return Infinity;
    return this.lastRequestUs + Math.max(repeatUs, this.rtt.smoothedUs / 8);
  }

  /** Bytes in flight that are waiting at the server rather than on the path. */
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
