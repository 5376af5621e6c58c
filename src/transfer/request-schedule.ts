// When a receiver may ask, and for how much: the congestion control's window and rate, the pacer's credit, a limit set by hand.
// Pure. Knows nothing of datagrams; the asker says what there is to ask for.

import type { Asker } from "./range-picker.ts";
import type { CongestionControl } from "./congestion/bbr.ts";
import { Pacer } from "./congestion/pacer.ts";
import type { RttEstimator } from "./congestion/rtt.ts";

/** A request that no other has followed is repeated after this long, this often: the loss of the last one would
 *  otherwise cost a timeout. */
const repeatUs = 2_000;
const maxRepeats = 2;
/** Bounds of what may leave at once after a delay, in µs of the rate: a tick and a half of a coarse event loop, and what
 *  a busy machine's processes keep each other waiting. */
const minBurstUs = 1_500;
const maxBurstUs = 20_000;
/** The first request is not paced: where a limit is set, it asks for what that allows in so long. */
const firstLimitUs = 100_000;
/** Where the window is what holds us, this much of it must be free, or this long's worth of the rate: asking for every
 *  segment that has come by itself would cost a datagram each. */
const windowParts = 16;
/** So long before its time is asked for what the server will send at our rate: it then has something to send while either
 *  end, or a request, is late by as much. What waits there is not on the path, and a change of the rate reaches it at once. */
const aheadUs = 3_000;
const windowUs = 500;

export class RequestSchedule {
  /** How long the newest segment that came had waited at the server, in µs. */
  heldUs = 0;
  private readonly pacer = new Pacer();
  private lastRequestUs = 0;
  private repeats = maxRepeats;

  constructor(
    private readonly asker: Asker,
    private readonly control: CongestionControl,
    private readonly rtt: RttEstimator,
    private readonly limitBytesPerUs: number,
  ) {}

  /** The rate at which we ask; Infinity for no pacing. */
  get paceBytesPerUs(): number {
    return Math.min(this.control.pacingBytesPerUs, this.limitBytesPerUs);
  }

  /**
   * The rate at which the server is to send what has been asked for: the path's. A limit is kept by asking alone; what waited at
   * the server for it would seem to be lost.
   */
  get sendBytesPerUs(): number {
    return this.control.pacingBytesPerUs;
  }

  /** The limit, and not the network, is what holds the rate down. */
  get isLimited(): boolean {
    return this.limitBytesPerUs <= this.control.pacingBytesPerUs;
  }

  /** What the first request may ask for, of so many bytes: a moment's worth of the limit, but a segment at least. */
  firstBudget(bytes: number): number {
    const most = Math.max(this.asker.sizer.segmentBytes, this.limitBytesPerUs * firstLimitUs);
    return Math.floor(Math.min(bytes, this.control.windowBytes, most));
  }

  /** What may leave at once after a delay, at either end: as much as a queue of a third of a round trip holds. */
  get burstUs(): number {
    const { minUs } = this.rtt;
    return Math.min(maxBurstUs, Math.max(minBurstUs, minUs < Infinity ? minUs / 3 : 0));
  }

  /** Let credit grow until now. */
  update(nowUs: number): void {
    const { segmentBytes } = this.asker.sizer;
    this.pacer.update(nowUs, this.paceBytesPerUs, segmentBytes, this.burstUs);
  }

  spend(bytes: number): void {
    this.pacer.spend(bytes);
  }

  /** A request has left; `isFresh` if it asks for something new. */
  requested(nowUs: number, isFresh: boolean): void {
    this.lastRequestUs = nowUs;
    if (isFresh) this.repeats = 0;
  }

  repeated(): void {
    this.repeats++;
  }

  /** Bytes that window and pacing allow to be asked for now. */
  budget(): number {
    const { asker, control } = this;
    if (!asker.hasWanted || asker.flight.room < 1) return 0;
    const least = asker.leastBytes;
    const window = this.windowRoom(least);
    const rate = this.paceBytesPerUs;
    if (rate === Infinity) return window >= Math.max(least, control.windowBytes / 8) ? window : 0;
    if (window < this.usefulWindow(rate, least)) return 0;
    const credit = this.pacer.available(rate, least, this.aheadBytes);
    return credit < least ? 0 : Math.min(credit, window);
  }

  /** When pacing lets us ask again; Infinity if the window or the want is what holds us. */
  askAtUs(): number {
    const { asker } = this;
    const rate = this.paceBytesPerUs;
    if (!asker.hasWanted || rate === Infinity || asker.flight.room < 1) return Infinity;
    const least = asker.leastBytes;
    if (this.windowRoom(least) < this.usefulWindow(rate, least)) return Infinity;
    return this.pacer.readyUs(this.lastRequestUs, rate, least, this.aheadBytes);
  }

  /** When to repeat the last request; Infinity if it has been, or nothing is in flight. */
  repeatAtUs(): number {
    if (this.repeats >= maxRepeats || this.asker.flight.inFlightSegments === 0) return Infinity;
    return this.lastRequestUs + Math.max(repeatUs, this.rtt.smoothedUs / 8);
  }

  private usefulWindow(rate: number, least: number): number {
    return Math.max(least, Math.min(this.control.windowBytes / windowParts, rate * windowUs));
  }

  /** Bytes that may still go into flight; a large segment may have to fit a small window, alone if need be. */
  private windowRoom(least: number): number {
    const onPath = this.asker.flight.inFlightBytes - this.heldBytes;
    return Math.max(this.control.windowBytes, 2 * least) - onPath;
  }

  /** Bytes in flight that still wait at the server: not on the path. */
  get heldBytes(): number {
    return this.aheadBytes * Math.min(1, this.heldUs / aheadUs);
  }

  private get aheadBytes(): number {
    const rate = this.paceBytesPerUs;
    return this.isLimited || this.control.phase === "startup" ? 0 : rate * aheadUs;
  }
}
