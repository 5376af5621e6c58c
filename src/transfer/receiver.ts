// The receiving end of one transfer: decides what to ask for and when, and knows when all has come.
// Pure: `nowUs` is a parameter, bytes go in and out through buffers that the caller owns. In the style of quinn-proto:
// `handle…` takes input, `poll…` gives output, `nextTimeoutUs` says when to come back.

import { transfer as limit } from "../limits.ts";
import { Asker } from "./asker.ts";
import { TrainEstimator } from "./bandwidth.ts";
import { Congestion, type CongestionControl } from "./congestion.ts";
import { arrival, type RateSample } from "./flight.ts";
import { LoopbackControl } from "./loopback-control.ts";
import { Pacer } from "./pacer.ts";
import type {
  PathMemory,
  ReceiverConfig,
  ReceiverMachine,
  ReceiverState,
  ReceiverStats,
} from "./receiver-machine.ts";
import { RttEstimator } from "./rtt.ts";
import { SegmentSizer } from "./segment-size.ts";
import {
  datagramEnd,
  emptyDataHeader,
  goneReason,
  kind,
  kindAt,
  readCookie,
  readData,
  readGone,
  tagOf,
  writeInit,
  writeRequest,
} from "./wire.ts";

export type {
  PathMemory,
  ReceiverConfig,
  ReceiverMachine,
  ReceiverState,
  ReceiverStats,
  Sink,
} from "./receiver-machine.ts";

/** Segments of the first request: one burst, whose spacing on arrival tells the bottleneck's rate. */
const firstBurstSegments = 32;
/** Linux' default receive buffer, less what its bookkeeping takes. */
const defaultBufferBytes = 160 * 1024;
/** Probe timeouts in a row after which everything in flight is given up (RFC 9002 §7.6: persistent congestion). */
const outageProbes = 3;
/** A request that no other has followed is repeated after this long, this often: the loss of the last one would
 *  otherwise cost a timeout. */
const repeatUs = 2_000;
const maxRepeats = 2;
/** GONE "unknown" is not believed before this long after the offer: one sent before it may still be on its way. */
const goneGraceUs = 1_000_000;
/** Bounds of what may leave at once after a delay, in µs of the rate: a tick and a half of a coarse event loop, and what
 *  a busy machine's processes keep each other waiting. */
const minBurstUs = 1_500;
const maxBurstUs = 20_000;
const low32 = 0x1_0000_0000;

export class Receiver implements ReceiverMachine {
  state: ReceiverState = "connecting";
  cookie: { bytes: Uint8Array; address: string; port: number } | null = null;
  private readonly rtt = new RttEstimator();
  private readonly asker: Asker;
  private readonly control: CongestionControl;
  private readonly pacer = new Pacer();
  private readonly train = new TrainEstimator(firstBurstSegments);
  private readonly tag: { high: number; low: number };
  private readonly header = emptyDataHeader();
  private readonly sample: RateSample = { rate: 0, priorDelivered: 0, appLimited: false };
  private readonly stallTimeoutUs: number;
  private readonly limitBytesPerUs: number;
  private receivedBytes = 0;
  private duplicateBytes = 0;
  /** The offer has come, or data have: the server knows us. */
  private offerAtUs = -1;
  private initTries = 0;
  /** How long the last segment's request waited at the server. */
  private holdUs = 0;
  /** Of the segment that has just come: from its request to its arrival. */
  private wholeRttUs = 0;
  private initAtUs = 0;
  private firstInitUs = 0;
  private asked = false;
  private probes = 0;
  private activityUs = 0;
  private newBytesUs = -1;
  private probesDue = 0;
  private lastRequestUs = 0;
  private repeats = maxRepeats;
  // What the bytes of a segment are handed on with, so that the hot path makes no closure.
  private sinkSource: Uint8Array = new Uint8Array(0);
  private sinkShift = 0;

  constructor(private readonly config: ReceiverConfig) {
    const maxSegment = Math.min(
      config.maxSegmentBytes ?? limit.maxSegmentBytes,
      limit.maxSegmentBytes,
    );
    const start = config.loopback
      ? maxSegment
      : Math.max(limit.baseSegmentBytes, config.path?.segmentBytes ?? 0);
    this.tag = tagOf(config.token);
    this.asker = new Asker(
      config.wanted ?? [[0, limit.maxFileBytes]],
      new SegmentSizer(start, maxSegment),
    );
    const known = config.path?.bandwidthBytesPerSecond ?? 0;
    this.control = config.loopback
      ? new LoopbackControl(config.receiveBufferBytes ?? defaultBufferBytes)
      : new Congestion(this.rtt, { bandwidthBytesPerUs: known / 1e6 });
    this.stallTimeoutUs = config.stallTimeoutUs ?? limit.stallTimeoutUs;
    this.limitBytesPerUs = (config.limitBytesPerSecond ?? Infinity) / 1e6;
  }

  handleDatagrams(nowUs: number, bytes: Uint8Array): void {
    let at = 0;
    let netRttUs = Infinity;
    let wholeUs = 0;
    let came = false;
    // Each turn takes four bytes or more off the buffer, which the socket bounds.
    while (at < bytes.length) {
      const end = datagramEnd(bytes, at);
      if (end < 0) break;
      const what = kindAt(bytes, at);
      if (what === kind.data) {
        if (readData(bytes, at, end, this.header) && this.handleData(nowUs, bytes)) {
          came = true;
          wholeUs = this.wholeRttUs;
          netRttUs = Math.min(netRttUs, Math.max(1, wholeUs - this.header.holdUs));
        }
      } else if (what === kind.cookie) this.handleCookie(nowUs, bytes, at, end);
      else if (what === kind.gone) this.handleGone(nowUs, bytes, at, end);
      else break;
      at = end;
    }
    if (came) this.afterArrivals(nowUs, wholeUs, netRttUs);
  }

  handleOffer(nowUs: number, sizeBytes: number, maxSegmentBytes: number): void {
    if (this.offerAtUs < 0) this.offerAtUs = nowUs;
    this.activityUs = nowUs;
    this.newBytesUs = nowUs;
    this.asker.sizer.bound(maxSegmentBytes);
    this.asker.end(sizeBytes);
    this.checkDone();
  }

  handleTimeout(nowUs: number): void {
    if (!this.isActive) return;
    if (this.newBytesUs >= 0 && nowUs >= this.newBytesUs + this.stallTimeoutUs) {
      this.state = "stalled";
      return;
    }
    if (nowUs >= this.asker.flight.lossTimeUs) this.detectLosses(nowUs);
    if (nowUs >= this.probeAtUs()) this.onProbeTimeout(nowUs);
  }

  nextTimeoutUs(): number {
    if (!this.isActive) return Infinity;
    const stallUs = this.newBytesUs < 0 ? Infinity : this.newBytesUs + this.stallTimeoutUs;
    if (this.cookie === null) return Math.min(stallUs, this.initAtUs);
    return Math.min(
      stallUs,
      this.asker.flight.lossTimeUs,
      this.probeAtUs(),
      this.repeatAtUs(),
      this.askAtUs(),
    );
  }

  firstRequest(nowUs: number, into: Uint8Array): number {
    if (this.cookie === null || this.asked) return 0;
    this.asked = true;
    // A probe of the size belongs into the stream, not into the train that is measured.
    const budget = this.config.loopback
      ? this.control.windowBytes
      : firstBurstSegments * this.asker.sizer.segmentBytes;
    this.asker.chooseFirst(nowUs, Math.min(budget, this.control.windowBytes));
    this.pacer.update(nowUs, this.paceBytesPerUs(), this.asker.sizer.segmentBytes, this.burstUs());
    // Not paced: the spacing in which this burst arrives is the bottleneck's.
    return this.writeAsks(nowUs, into, true);
  }

  pollTransmit(nowUs: number, into: Uint8Array): number {
    if (this.newBytesUs < 0) this.newBytesUs = nowUs;
    if (!this.isActive) return 0;
    if (this.cookie === null || this.probesDue < 0) return this.pollInit(nowUs, into);
    if (!this.asked) return 0;
    const { asker, control } = this;
    const rate = this.paceBytesPerUs();
    this.pacer.update(nowUs, rate, asker.sizer.segmentBytes, this.burstUs());
    if (this.probesDue > 0) {
      const count = this.probesDue;
      this.probesDue = 0;
      const bytes = asker.chooseCopies(nowUs, count, false);
      if (bytes > 0 || !asker.hasWanted) return this.writeAsks(nowUs, into);
    }
    const budget = this.budget(rate);
    if (budget > 0) {
      const appLimited = this.limitBytesPerUs <= control.pacingBytesPerUs;
      const bytes = asker.choose(nowUs, budget, appLimited);
      if (bytes > 0) {
        this.pacer.spend(bytes);
        return this.writeAsks(nowUs, into);
      }
    }
    if (nowUs < this.repeatAtUs()) return 0;
    this.repeats++;
    if (asker.mayCopyTail) {
      const copies = asker.flight.lostSegments > 0 ? 12 : 1;
      asker.chooseTailCopies(nowUs, copies);
    }
    return this.writeAsks(nowUs, into);
  }

  reject(nowUs: number, offset: number, length: number): void {
    this.receivedBytes -= length;
    this.asker.reject(offset, length);
    if (this.state === "done") this.state = "running";
    this.newBytesUs = nowUs;
    this.activityUs = nowUs;
  }

  setHorizon(nowUs: number, offset: number): void {
    if (this.asker.horizon <= this.asker.wanted.firstByte) this.newBytesUs = nowUs;
    this.asker.horizon = offset;
  }

  stats(): ReceiverStats {
    const { asker, control, rtt } = this;
    const { flight } = asker;
    return {
      receivedBytes: this.receivedBytes,
      missingBytes: this.asker.sizeBytes < Infinity ? asker.missing.bytes : Infinity,
      rttUs: rtt.smoothedUs,
      minRttUs: rtt.minUs < Infinity ? rtt.minUs : 0,
      askedSegments: asker.askedSegments,
      lostSegments: flight.lostSegments - flight.lateSegments,
      retransmittedShare: asker.againBytes / Math.max(1, asker.askedBytes),
      duplicateBytes: this.duplicateBytes,
      segmentBytes: asker.sizer.segmentBytes,
      bandwidthBytesPerSecond: control.bandwidthBytesPerUs * 1e6,
      windowBytes: control.windowBytes,
      inFlightBytes: flight.inFlightBytes,
      phase: control.phase,
    };
  }

  pathMemory(): PathMemory {
    const { minRttUs, bandwidthBytesPerSecond, segmentBytes } = this.stats();
    return { minRttUs, bandwidthBytesPerSecond, segmentBytes };
  }

  private get isActive(): boolean {
    return this.state === "connecting" || this.state === "running";
  }

  private handleCookie(nowUs: number, bytes: Uint8Array, at: number, end: number): void {
    const cookie = readCookie(bytes, at, end);
    if (!cookie || !sameBytes(cookie.token, this.config.token)) return;
    this.cookie = { bytes: cookie.cookie, address: cookie.address, port: cookie.port };
    if (this.probesDue < 0) this.probesDue = 1;
    if (this.state !== "connecting") return;
    this.state = "running";
    this.activityUs = nowUs;
    const rttUs = Math.max(1, Math.min(elapsed(nowUs, cookie.echoUs), nowUs - this.firstInitUs));
    this.rtt.update(nowUs, rttUs, rttUs);
  }

  private handleGone(nowUs: number, bytes: Uint8Array, at: number, end: number): void {
    const gone = readGone(bytes, at, end);
    if (!gone || !this.isActive || !sameBytes(gone.token, this.config.token)) return;
    if (gone.reason === goneReason.changed) this.state = "changed";
    else if (this.offerAtUs >= 0 && nowUs > this.offerAtUs + goneGraceUs) this.state = "gone";
  }

  /** One segment; false if it is not one that we asked for. */
  private handleData(nowUs: number, bytes: Uint8Array): boolean {
    const { header, asker } = this;
    if (header.tagHigh !== this.tag.high || header.tagLow !== this.tag.low) return false;
    const { offset, length, seq } = header;
    const end = offset + length;
    // Only the file's last segment may be shorter than was asked for.
    if (end > asker.sizeBytes) return false;
    const isWhole = length === asker.flight.lengthOf(seq);
    if (!isWhole && asker.sizeBytes < Infinity && end !== asker.sizeBytes) return false;
    // No round trip can have begun before the asking.
    const askedAgoUs = nowUs - asker.flight.askedAtUs(seq);
    const wholeUs = Math.min(elapsed(nowUs, header.echoUs), askedAgoUs);
    const leftUs = nowUs - wholeUs + header.holdUs;
    const what = asker.flight.arrive(nowUs, leftUs, seq, offset, length);
    if (what === arrival.unknown) return false;
    this.wholeRttUs = wholeUs;
    this.holdUs = header.holdUs;
    if (what === arrival.late) {
      this.control.onLate(length);
      asker.arrivedLate(offset, length);
    }
    this.train.add(nowUs, seq, length);
    if (isWhole) asker.sizer.onArrived(length);
    this.sinkSource = bytes;
    this.sinkShift = header.at - offset;
    const fresh = asker.missing.remove(offset, end, this.deliver);
    if (what === arrival.expected && !asker.wanted.isEmpty) asker.arrivedLate(offset, length);
    this.receivedBytes += fresh;
    this.duplicateBytes += length - fresh;
    if (fresh > 0) this.newBytesUs = nowUs;
    return true;
  }

  private readonly deliver = (start: number, end: number): void => {
    this.config.sink(start, this.sinkSource, start + this.sinkShift, end - start);
  };

  private afterArrivals(nowUs: number, wholeUs: number, netRttUs: number): void {
    const { control, asker, rtt } = this;
    const { flight } = asker;
    this.activityUs = nowUs;
    this.probes = 0;
    rtt.update(nowUs, wholeUs, netRttUs);
    this.detectLosses(nowUs);
    const trainRate = this.train.bytesPerUs;
    if (trainRate > 0) control.onTrain(trainRate);
    flight.takeSample(rtt.minUs * 0.98, this.sample);
    // What waits at the server is not on the path.
    const waiting = this.paceBytesPerUs() * this.holdUs;
    const onPath = Math.max(0, flight.inFlightBytes - (waiting < Infinity ? waiting : 0));
    control.onArrivals(nowUs, this.sample, netRttUs, flight.delivered, onPath);
    this.checkDone();
  }

  private detectLosses(nowUs: number): void {
    const rttUs = Math.max(this.rtt.smoothedUs, this.rtt.latestUs);
    this.asker.flight.detectLosses(nowUs, rttUs, this.lost);
  }

  private readonly lost = (offset: number, length: number, marks: number): void => {
    this.asker.lost(offset, length, marks);
    // A try of a larger size that did not fit says nothing of the load.
    if (length <= this.asker.sizer.segmentBytes) this.control.onLost(length);
  };

  private checkDone(): void {
    if (this.asker.sizeBytes < Infinity && this.asker.missing.isEmpty && this.isActive) {
      this.state = "done";
    }
  }

  private onProbeTimeout(nowUs: number): void {
    this.probes++;
    this.activityUs = nowUs;
    if (this.probes >= outageProbes) {
      // The path may be down, narrower, or our address another: everything again, small, and with a fresh cookie.
      const again = this.probes > outageProbes;
      this.asker.flight.giveUpAll(again, this.asker.lost);
      this.control.onOutage();
      if (again) this.asker.sizer.onBlackHole();
      this.probesDue = -1;
      this.initAtUs = nowUs;
    } else this.probesDue = 2;
  }

  /** When nothing has come for so long that we ask again; Infinity if nothing is due. */
  private probeAtUs(): number {
    if (this.cookie === null || this.offerAtUs < 0) return Infinity;
    if (this.asker.flight.inFlightSegments === 0 && this.probes === 0) return Infinity;
    const base = this.rtt.probeTimeoutUs(limit.initTimeoutUs);
    const wait = Math.min(base * 2 ** Math.min(this.probes, 16), limit.maxProbeTimeoutUs + base);
    return this.activityUs + wait;
  }

  /** The rate at which we ask and the server is to send; Infinity for no pacing. */
  private paceBytesPerUs(): number {
    return Math.min(this.control.pacingBytesPerUs, this.limitBytesPerUs);
  }

  /** What may leave at once after a delay, at either end: as much as a queue of a third of a round trip holds. */
  private burstUs(): number {
    const { minUs } = this.rtt;
    return Math.min(maxBurstUs, Math.max(minBurstUs, minUs < Infinity ? minUs / 3 : 0));
  }

  /** Bytes that window and pacing allow to be asked for now. */
  private budget(rate: number): number {
    const { asker } = this;
    if (!asker.hasWanted || asker.flight.room < 1) return 0;
    const least = asker.leastBytes;
    const window = this.windowRoom(least);
    if (rate === Infinity) {
      // Not paced: ask for a few segments at a time rather than for each that has come.
      return window >= Math.max(least, this.control.windowBytes / 8) ? window : 0;
    }
    // Where the window is what holds us, ask for a few segments at a time rather than for each that has come.
    if (window < Math.max(least, Math.min(this.control.windowBytes / 16, rate * 500))) return 0;
    const credit = this.pacer.available(rate, least);
    return credit < least ? 0 : Math.min(credit, window);
  }

  /** Bytes that may still go into flight; a large segment may have to fit a small window, alone if need be. */
  private windowRoom(least: number): number {
    return Math.max(this.control.windowBytes, 2 * least) - this.asker.flight.inFlightBytes;
  }

  /** When pacing lets us ask again; Infinity if the window or the want is what holds us. */
  private askAtUs(): number {
    const { asker } = this;
    const rate = this.paceBytesPerUs();
    if (this.probesDue !== 0) return this.probesDue < 0 ? this.initAtUs : 0;
    if (!this.asked || !asker.hasWanted || rate === Infinity || asker.flight.room < 1) {
      return Infinity;
    }
    const least = asker.leastBytes;
    const few = Math.min(this.control.windowBytes / 16, rate * 500);
    if (this.windowRoom(least) < Math.max(least, few)) return Infinity;
    return this.pacer.readyUs(this.lastRequestUs, rate, least);
  }

  private repeatAtUs(): number {
    if (this.repeats >= maxRepeats || this.asker.flight.inFlightSegments === 0) return Infinity;
    return this.lastRequestUs + Math.max(repeatUs, this.rtt.smoothedUs / 8);
  }

  private pollInit(nowUs: number, into: Uint8Array): number {
    if (nowUs < this.initAtUs) return 0;
    const wait = limit.initTimeoutUs * 2 ** Math.min(this.initTries, 16);
    if (this.initTries++ === 0) this.firstInitUs = nowUs;
    if (this.probesDue < 0) this.probesDue = 1;
    else this.initAtUs = nowUs + Math.min(wait, limit.maxProbeTimeoutUs);
    return writeInit(into, { token: this.config.token, timeUs: nowUs % low32 });
  }

  private writeAsks(nowUs: number, into: Uint8Array, first = false): number {
    if (this.cookie === null) return 0;
    const asks = this.asker.takeAsks();
    if (this.asker.lastWasFresh) this.repeats = 0;
    this.lastRequestUs = nowUs;
    const { token } = this.config;
    const cookie = this.cookie.bytes;
    const pace = this.paceBytesPerUs();
    const paceBytesPerMs = first || pace === Infinity ? 0 : pace * 1_000;
    const timeUs = nowUs % low32;
    const burstUs = this.burstUs();
    return writeRequest(into, { token, cookie, timeUs, paceBytesPerMs, burstUs, asks });
  }
}

/** µs between a 32-bit time of ours and now; the clock wraps every 71 minutes. */
function elapsed(nowUs: number, thenUs: number): number {
  return Math.floor((((nowUs % low32) - thenUs) % low32) + low32) % low32;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < limit.tokenBytes; i++) if (a[i] !== b[i]) return false;
  return true;
}
