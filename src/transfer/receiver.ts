// The receiving end of one transfer: decides what to request and when, and detects completion.
// Pure, in the style of quinn-proto: `handle…` takes input, `poll…` returns output, `nextTimeoutUs`
// says when to call again. Knows nothing of sockets, files or keys.
//
// How an adapter drives it:
// - It calls `pollTransmit` at once, in parallel with the TCP connect: that returns the INIT.
// - `handleDatagrams` takes the COOKIE and sets `cookie`. The token, the address that the cookie
//   names and `pollFirstRequest` (a whole REQUEST datagram) go into the `fetch` message.
// - It calls `handleOffer` once the size is known. DATA that arrives earlier is accepted.
// - After every `handle…`, and at `nextTimeoutUs()` (after `handleTimeout`), it calls
//   `pollTransmit` until that returns 0.
// - It stops when `state` is neither `connecting` nor `running`.

import { isSameBytes } from "../bytes.ts";
import { transfer as limit, udpTransfer as udp } from "../limits.ts";
import { ArrivalBatch, pauseThresholdUs } from "./arrival-batch.ts";
import { BbrController } from "./congestion/bbr.ts";
import type { CongestionController } from "./congestion/controller.ts";
import { LoopbackController } from "./congestion/loopback.ts";
import { RttEstimator } from "./congestion/rtt.ts";
import { InitSchedule } from "./init-schedule.ts";
import { MtuDiscovery } from "./mtu-discovery.ts";
import { PacketTrain } from "./packet-train.ts";
import { ProbeTimeout } from "./probe-timeout.ts";
import { RangePicker } from "./range-picker.ts";
import { RequestSchedule } from "./request-schedule.ts";
import { match, type RateSample } from "./sent-segments.ts";
import {
  datagramEnd,
  elapsedUs,
  emptyDataHeader,
  goneReason,
  kind,
  kindAt,
  maxSendNumber,
  readCookie,
  readData,
  readGone,
  tagOf,
  wireTime,
  writeInit,
  writeRequest,
} from "./wire.ts";

/**
 * Segments of the first request: one burst, whose spacing on arrival reveals the bottleneck rate.
 */
const firstBurstSegments = 32;
/** Linux's default receive buffer minus its bookkeeping. */
const defaultBufferBytes = 160 * 1024;
/**
 * Consecutive probe timeouts after which everything in flight is declared lost (RFC 9002 §7.6,
 * persistent congestion).
 */
const outageProbes = 3;
/** A GONE "unknown" this soon after the offer may have been sent before it and is ignored. */
const goneGraceUs = 1_000_000;
/** Rate samples over less than this share of the minimum RTT are artefacts. */
const minRttShare = 0.98;

/**
 * Receives every new byte of the file exactly once, in any order. `source[at, at + length)` is only
 * valid during the call.
 */
export type ByteSink = (offset: number, source: Uint8Array, at: number, length: number) => void;

/** What a finished transfer has learned about the path, for the next one from the same server. */
export interface PathMetrics {
  minRttUs: number;
  bandwidthBytesPerSecond: number;
  segmentBytes: number;
}

export interface ReceiverConfig {
  /** 16 random bytes, unguessable: identifies the transfer to the server. */
  token: Uint8Array;
  sink: ByteSink;
  /**
   * Byte ranges [start, end) to fetch, in order; default: everything. May extend past the end of
   * the file (`handleOffer` trims it), so it can be given before the size is known.
   */
  wanted?: readonly (readonly [start: number, end: number])[];
  /** Maximum bytes of the file to request per second; default: no limit. */
  limitBytesPerSecond?: number;
  /** The largest segment that this socket can receive; default limits.ts `maxSegmentBytes`. */
  maxSegmentBytes?: number;
  /** The path is loopback: start with the largest segments, unpaced. */
  loopback?: boolean;
  /** The socket's receive buffer, which bounds what is in flight on loopback. Default: Linux's. */
  receiveBufferBytes?: number;
  /** What an earlier transfer from the same server has learned about the path. */
  path?: PathMetrics;
  /** The transfer is `stalled` after this long without a new byte; default limits.ts. */
  stallTimeoutUs?: number;
}

export type ReceiverState =
  /** No cookie yet: sending INITs. */
  | "connecting"
  | "running"
  /** Every wanted byte has been passed to the sink. `handleBadRange` returns to running. */
  | "done"
  /** The server no longer knows the transfer: request it again over the control connection. */
  | "gone"
  /** The server reports that the file has changed since it was offered. */
  | "changed"
  /** The server can't read the file any more. */
  | "unreadable"
  /** No new byte has arrived for `stallTimeoutUs`. */
  | "stalled";

/** Statistics for progress lines and `--json`. All bytes are file bytes. */
export interface ReceiverStats {
  receivedBytes: number;
  /** Wanted bytes still missing; Infinity before the offer. */
  missingBytes: number;
  /** Smoothed and minimum round trip, in µs; 0 before the first sample. */
  rttUs: number;
  minRttUs: number;
  requestedSegments: number;
  /** Segments declared lost, minus those that arrived after all. */
  lostSegments: number;
  /** Bytes requested again / bytes requested, 0…1. */
  retransmittedShare: number;
  /** Bytes that arrived more than once. */
  duplicateBytes: number;
  /** The current number of file bytes per segment. */
  segmentBytes: number;
  /** The congestion controller's estimate, in bytes per second; 0 before the first sample. */
  bandwidthBytesPerSecond: number;
  windowBytes: number;
  inFlightBytes: number;
  /** "startup", "drain", "probe-bandwidth", … */
  phase: string;
}

export class Receiver {
  state: ReceiverState = "connecting";
  /** Set once the server has answered. It validates this client's address, which it also states. */
  cookie: { bytes: Uint8Array; address: string; port: number } | undefined;
  private readonly picker: RangePicker;
  /** What is known about the path; `handleNewPath` resets it. */
  private rtt = new RttEstimator();
  private controller: CongestionController;
  private schedule: RequestSchedule;
  private probeTimeout: ProbeTimeout;
  private readonly inits = new InitSchedule();
  private readonly train = new PacketTrain(firstBurstSegments);
  private isOnLoopback: boolean;
  /** When the offer arrived; -1 before it. */
  private offerAtUs = -1;
  private hasRequested = false;
  /** Probes to send now; -1: send an INIT for a fresh cookie instead. */
  private probesDue = 0;

  /** New bytes passed to the sink, minus corrupt ones. */
  receivedBytes = 0;
  private duplicateBytes = 0;
  /** Arrivals not yet reported to the congestion controller. */
  private readonly arrivals = new ArrivalBatch();
  private readonly sample: RateSample = { rate: 0, priorDelivered: 0, appLimited: false };
  /** The last accepted segment's wait at the server, and its time from request to arrival. */
  private holdUs = 0;
  private wholeRttUs = 0;
  // Reused for every segment, so that the hot path allocates nothing.
  private readonly tag: { high: number; low: number };
  private readonly header = emptyDataHeader();
  private source: Uint8Array = new Uint8Array(0);
  private sourceShift = 0;

  constructor(private readonly config: ReceiverConfig) {
    const { token, limitBytesPerSecond = Infinity, loopback = false } = config;
    this.tag = tagOf(token);
    this.isOnLoopback = loopback;
    // Segments worth at most 50 ms of the limit, so that it is spent in small steps.
    const limitSegment = Math.floor(limitBytesPerSecond / 20);
    const maxSegment = Math.min(
      config.maxSegmentBytes ?? limit.maxSegmentBytes,
      limit.maxSegmentBytes,
      Math.max(udp.baseSegmentBytes, limitSegment),
    );
    const startSegment = loopback
      ? maxSegment
      : Math.max(udp.baseSegmentBytes, config.path?.segmentBytes ?? 0);
    this.picker = new RangePicker(
      config.wanted ?? [[0, limit.maxFileBytes]],
      new MtuDiscovery(startSegment, maxSegment),
    );
    this.controller = this.newController(loopback, config.path);
    this.probeTimeout = this.newProbeTimeout();
    this.schedule = this.newSchedule();
  }

  /**
   * Handles one or several datagrams (as merged by UDP_GRO) from the server's address: the first
   * `length` bytes. Ignores hostile input. Their evidence about the path is evaluated at the next
   * `pollTransmit` or `handleTimeout`. `isExact`: `nowUs` is the kernel's time of arrival, not the
   * time of reading.
   */
  handleDatagrams(bytes: Uint8Array, nowUs: number, length = bytes.length, isExact = false): void {
    let at = 0;
    // Each iteration consumes at least four bytes of the buffer, which the socket bounds.
    while (at < length) {
      const end = datagramEnd(bytes, at, length);
      if (end < 0) break;
      const what = kindAt(bytes, at);
      if (what === kind.data) this.handleData(bytes, at, end, nowUs, isExact);
      else if (what === kind.cookie) this.handleCookie(bytes, at, end, nowUs);
      else if (what === kind.gone) this.handleGone(bytes, at, end, nowUs);
      else break;
      at = end;
    }
    this.checkDone();
  }

  /**
   * The file's size, and the largest segment that the server can send (65 024 on loopback or with
   * jumbo frames; at most 1 444 if it cannot keep the kernel from fragmenting).
   */
  handleOffer(sizeBytes: number, maxSegmentBytes: number, nowUs: number): void {
    if (this.offerAtUs < 0) this.offerAtUs = nowUs;
    this.probeTimeout.restart(nowUs);
    this.probeTimeout.onProgress(nowUs);
    this.picker.mtu.bound(maxSegmentBytes);
    this.picker.setSize(sizeBytes);
    this.checkDone();
  }

  handleTimeout(nowUs: number): void {
    this.processArrivals();
    if (!this.isActive) return;
    if (nowUs >= this.stallAtUs) {
      this.state = "stalled";
      return;
    }
    if (nowUs >= this.picker.segments.lossTimeUs) this.detectLosses(nowUs);
    if (nowUs >= this.probeAtUs()) this.onProbeTimeout(nowUs);
  }

  /** Requests bytes again whose chunk could not be opened. */
  handleBadRange(offset: number, length: number, nowUs: number): void {
    this.receivedBytes -= length;
    this.picker.wantAgain(offset, length);
    if (this.state === "done") this.state = "running";
    this.probeTimeout.onProgress(nowUs);
    this.probeTimeout.restart(nowUs);
  }

  /**
   * Nothing at or beyond this offset is requested until it is raised; bounds the memory of `-o -`.
   */
  setHorizon(offset: number, nowUs: number): void {
    if (this.picker.horizon <= this.picker.wanted.firstByte) this.probeTimeout.onProgress(nowUs);
    this.picker.horizon = offset;
  }

  /**
   * Datagrams take another path from now on, between the same two ends. Everything in flight counts
   * as lost, and everything learned about the old path is discarded.
   */
  handleNewPath(loopback: boolean, nowUs: number): void {
    if (!this.isActive) return;
    this.processArrivals();
    this.isOnLoopback = loopback;
    this.rtt = new RttEstimator();
    this.controller = this.newController(loopback, undefined);
    this.probeTimeout = this.newProbeTimeout();
    this.schedule = this.newSchedule();
    this.probeTimeout.restart(nowUs);
    this.probeTimeout.onProgress(nowUs);
    this.probesDue = 0;
    this.picker.segments.declareAllLost(false, this.picker.onLost);
    this.picker.mtu.restart(loopback ? limit.maxSegmentBytes : udp.baseSegmentBytes);
    if (this.cookie === undefined) this.inits.dueUs = nowUs;
  }

  /** Whether any segment has arrived. */
  get hasReceived(): boolean {
    return this.picker.segments.delivered > 0;
  }

  /** All that was requested has arrived, and no more may be until the horizon is raised. */
  get isHeldBack(): boolean {
    const { hasWanted, segments, wanted } = this.picker;
    const isIdle = !hasWanted && !wanted.isEmpty && segments.inFlightSegments === 0;
    return isIdle && this.state === "running";
  }

  /** When to call `handleTimeout` next, in µs; Infinity: never. */
  nextTimeoutUs(): number {
    if (!this.isActive) return Infinity;
    const { stallAtUs } = this;
    if (this.cookie === undefined) return Math.min(stallAtUs, this.inits.dueUs);
    return Math.min(
      stallAtUs,
      this.picker.segments.lossTimeUs,
      this.probeAtUs(),
      this.schedule.repeatAtUs(),
      this.nextRequestUs(),
    );
  }

  /** The first REQUEST, to be sent over the control connection; 0 if there is no cookie yet. */
  pollFirstRequest(into: Uint8Array, nowUs: number): number {
    if (this.cookie === undefined || this.hasRequested) return 0;
    this.hasRequested = true;
    // No MTU probe in this burst: its spacing is measured.
    const budget = this.isOnLoopback
      ? this.controller.windowBytes
      : firstBurstSegments * this.picker.mtu.segmentBytes;
    const bytes = this.picker.pickFirst(this.schedule.firstBudget(budget), nowUs);
    this.schedule.update(nowUs);
    if (this.schedule.isLimited) this.schedule.spend(bytes);
    // Unpaced, so that only the bottleneck spaces its segments.
    return this.writeRanges(into, nowUs, true);
  }

  /**
   * Writes the next datagram for the server; returns its length, 0 if there is none now. `into`
   * holds at least limits.ts `maxRequestBytes`.
   */
  pollTransmit(into: Uint8Array, nowUs: number): number {
    this.probeTimeout.start(nowUs);
    this.processArrivals();
    if (this.picker.segments.nextSeq > maxSendNumber && this.isActive) this.state = "gone";
    if (!this.isActive) return 0;
    if (this.cookie === undefined || this.probesDue < 0) return this.pollInit(into, nowUs);
    if (!this.hasRequested) return 0;
    const { picker, schedule } = this;
    schedule.update(nowUs);
    if (this.probesDue > 0) {
      const count = this.probesDue;
      this.probesDue = 0;
      const bytes = picker.pickCopies(count, "oldest", nowUs);
      if (bytes > 0 || !picker.hasWanted) return this.writeRanges(into, nowUs);
    }
    const budget = schedule.budget();
    if (budget > 0) {
      const bytes = picker.pick(budget, schedule.isLimited, nowUs);
      if (bytes > 0) {
        schedule.spend(bytes);
        return this.writeRanges(into, nowUs);
      }
    }
    if (nowUs < schedule.repeatAtUs()) return 0;
    schedule.onRepeated();
    const copies = picker.segments.lostSegments > 0 ? 12 : 1;
    if (picker.mayCopyTail) picker.pickTailCopies(copies, nowUs);
    return this.writeRanges(into, nowUs);
  }

  stats(): ReceiverStats {
    const { picker, controller, rtt } = this;
    const { segments } = picker;
    return {
      receivedBytes: this.receivedBytes,
      missingBytes: picker.sizeBytes < Infinity ? picker.missing.bytes : Infinity,
      rttUs: rtt.smoothedUs,
      minRttUs: rtt.minUs < Infinity ? rtt.minUs : 0,
      requestedSegments: picker.requestedSegments,
      lostSegments: segments.lostSegments - segments.lateSegments,
      retransmittedShare: picker.repeatedBytes / Math.max(1, picker.requestedBytes),
      duplicateBytes: this.duplicateBytes,
      segmentBytes: picker.mtu.segmentBytes,
      bandwidthBytesPerSecond: controller.bandwidthBytesPerUs * 1e6,
      windowBytes: controller.windowBytes,
      inFlightBytes: segments.inFlightBytes,
      phase: controller.phase,
    };
  }

  pathMetrics(): PathMetrics {
    const { minRttUs, bandwidthBytesPerSecond, segmentBytes } = this.stats();
    return { minRttUs, bandwidthBytesPerSecond, segmentBytes };
  }

  private newController(loopback: boolean, path: PathMetrics | undefined): CongestionController {
    if (loopback) {
      return new LoopbackController(this.config.receiveBufferBytes ?? defaultBufferBytes);
    }
    const bandwidthBytesPerUs = (path?.bandwidthBytesPerSecond ?? 0) / 1e6;
    return new BbrController(this.rtt, { bandwidthBytesPerUs });
  }

  private newProbeTimeout(): ProbeTimeout {
    // With a limit of a few bytes a second, waiting must not look like a stall.
    const threeSegmentsUs = (3 * udp.baseSegmentBytes) / this.limitBytesPerUs;
    const givenUs = this.config.stallTimeoutUs ?? udp.stallTimeoutUs;
    return new ProbeTimeout(this.rtt, Math.max(givenUs, threeSegmentsUs));
  }

  private newSchedule(): RequestSchedule {
    return new RequestSchedule(this.picker, this.controller, this.rtt, this.limitBytesPerUs);
  }

  private get limitBytesPerUs(): number {
    return (this.config.limitBytesPerSecond ?? Infinity) / 1e6;
  }

  /** Whoever waits for a slow reader has all the time in the world. */
  private get stallAtUs(): number {
    return this.isHeldBack ? Infinity : this.probeTimeout.stallAtUs;
  }

  private get isActive(): boolean {
    return this.state === "connecting" || this.state === "running";
  }

  /** The hot path: allocates nothing. Ignores datagrams that do not answer a request. */
  private handleData(
    bytes: Uint8Array,
    at: number,
    end: number,
    nowUs: number,
    isExact: boolean,
  ): void {
    const { header, picker, tag } = this;
    const { segments } = picker;
    if (!readData(bytes, at, end, header)) return;
    if (header.tagHigh !== tag.high || header.tagLow !== tag.low) return;
    const { offset, length, seq, holdUs } = header;
    const stop = offset + length;
    // Only the file's last segment may be shorter than requested.
    if (stop > picker.sizeBytes) return;
    const isWhole = length === segments.lengthOf(seq);
    if (!isWhole && picker.sizeBytes < Infinity && stop !== picker.sizeBytes) return;
    // A forged or damaged echo can't make the round trip longer than the age of the request.
    const requestAgeUs = nowUs - segments.requestedAtUs(seq);
    const wholeUs = Math.min(elapsedUs(nowUs, header.echoUs), requestAgeUs);
    const sentUs = nowUs - wholeUs + holdUs;
    const matched = segments.onReceived(seq, offset, length, sentUs, nowUs);
    if (matched === match.none) return;
    this.wholeRttUs = wholeUs;
    this.holdUs = holdUs;
    if (matched === match.late) this.controller.onSpuriousLoss(length);
    this.train.add(seq, length, nowUs, isExact);
    if (isWhole) picker.mtu.onReceived(length);
    this.source = bytes;
    this.sourceShift = header.at - offset;
    const newBytes = picker.missing.remove(offset, stop, this.deliver);
    if (!picker.wanted.isEmpty) picker.onLateSegment(offset, length);
    this.receivedBytes += newBytes;
    this.duplicateBytes += length - newBytes;
    this.arrivals.add(wholeUs - holdUs, segments, nowUs);
    if (newBytes > 0) this.probeTimeout.onProgress(nowUs);
  }

  private readonly deliver = (start: number, end: number): void => {
    this.config.sink(start, this.source, start + this.sourceShift, end - start);
  };

  private handleCookie(bytes: Uint8Array, at: number, end: number, nowUs: number): void {
    const cookie = readCookie(bytes, at, end);
    if (!cookie || !isSameBytes(cookie.token, this.config.token)) return;
    this.cookie = { bytes: cookie.cookie, address: cookie.address, port: cookie.port };
    if (this.probesDue < 0) this.probesDue = 1;
    if (this.state !== "connecting") return;
    this.state = "running";
    this.probeTimeout.restart(nowUs);
    const echoedUs = elapsedUs(nowUs, cookie.echoUs);
    const rttUs = Math.max(1, Math.min(echoedUs, nowUs - this.inits.firstUs));
    this.rtt.update(nowUs, rttUs, rttUs);
  }

  private handleGone(bytes: Uint8Array, at: number, end: number, nowUs: number): void {
    const gone = readGone(bytes, at, end);
    if (!gone || !this.isActive || !isSameBytes(gone.token, this.config.token)) return;
    if (gone.reason === goneReason.changed) this.state = "changed";
    else if (gone.reason === goneReason.unreadable) this.state = "unreadable";
    else if (this.offerAtUs >= 0 && nowUs > this.offerAtUs + goneGraceUs) this.state = "gone";
  }

  /**
   * Updates RTT, losses and congestion control from the arrivals since the last call, once per
   * batch: after a pause of this process, a hundred equally late segments are one piece of
   * evidence, not a hundred.
   */
  private processArrivals(): void {
    const { controller, picker, rtt, arrivals, schedule, train } = this;
    const { segments } = picker;
    const nowUs = arrivals.lastUs;
    if (nowUs < 0) return;
    this.probeTimeout.onReceived(nowUs);
    rtt.update(nowUs, this.wholeRttUs, arrivals.netRttUs);
    this.detectLosses(nowUs);
    if (train.bytesPerUs > 0) controller.onPacketTrain(train.bytesPerUs, train.spanUs);
    segments.sampleRate(rtt.minUs * minRttShare, this.sample);
    schedule.heldUs = this.holdUs;
    arrivals.delivered = segments.delivered;
    arrivals.inFlightBytes = Math.max(0, segments.inFlightBytes - schedule.heldBytes);
    controller.onArrivals(this.sample, arrivals, nowUs);
    arrivals.clear();
    segments.pauseThresholdUs = pauseThresholdUs(rtt.minUs, controller.bandwidthBytesPerUs);
  }

  private detectLosses(nowUs: number): void {
    const rttUs = Math.max(this.rtt.smoothedUs, this.rtt.latestUs);
    this.picker.segments.detectLosses(rttUs, nowUs, this.onLost);
  }

  private readonly onLost = (offset: number, length: number, marks: number): void => {
    this.picker.onLost(offset, length, marks);
    // A lost MTU probe is no sign of congestion.
    if (length <= this.picker.mtu.segmentBytes) this.controller.onLost(length);
  };

  private checkDone(): void {
    if (this.picker.sizeBytes < Infinity && this.picker.missing.isEmpty && this.isActive) {
      this.state = "done";
    }
  }

  private onProbeTimeout(nowUs: number): void {
    this.probeTimeout.onProbe(nowUs);
    const { probes } = this.probeTimeout;
    if (probes < outageProbes) {
      this.probesDue = 2;
      return;
    }
    // The path may be down, its MTU smaller, or the client's address new: start over with small
    // segments and a fresh cookie.
    const isRepeated = probes > outageProbes;
    this.picker.segments.declareAllLost(isRepeated, this.picker.onLost);
    this.controller.onOutage();
    if (isRepeated) this.picker.mtu.onBlackHole();
    this.probesDue = -1;
    this.inits.dueUs = nowUs;
  }

  /** When a probe is due unless something arrives; Infinity if none is. */
  private probeAtUs(): number {
    if (this.cookie === undefined || this.offerAtUs < 0) return Infinity;
    return this.probeTimeout.probeAtUs(this.picker.segments.inFlightSegments);
  }

  /** When there may be something to request; Infinity if only an arrival can change that. */
  private nextRequestUs(): number {
    if (this.probesDue !== 0) return this.probesDue < 0 ? this.inits.dueUs : 0;
    return this.hasRequested ? this.schedule.nextRequestUs() : Infinity;
  }

  private pollInit(into: Uint8Array, nowUs: number): number {
    if (nowUs < this.inits.dueUs) return 0;
    // After an outage, a single INIT requests a fresh cookie; probes follow.
    if (this.probesDue < 0) this.probesDue = 1;
    else this.inits.onSent(nowUs);
    return writeInit(into, { token: this.config.token, timeUs: wireTime(nowUs) });
  }

  private writeRanges(into: Uint8Array, nowUs: number, isFirst = false): number {
    if (this.cookie === undefined) return 0;
    const { ranges, isNew } = this.picker.takeRanges();
    this.schedule.onRequested(isNew, nowUs);
    const { token } = this.config;
    const cookie = this.cookie.bytes;
    const { sendBytesPerUs: pace, burstUs } = this.schedule;
    const paceBytesPerMs = isFirst || pace === Infinity ? 0 : pace * 1_000;
    const timeUs = wireTime(nowUs);
    return writeRequest(into, { token, cookie, timeUs, paceBytesPerMs, burstUs, ranges });
  }
}
