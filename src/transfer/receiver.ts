// The receiving end of one transfer: decides what to ask for and when, and knows when all has come.
// Pure: `nowUs` is a parameter, bytes go in and out through buffers that the caller owns. In the style of quinn-proto:
// `handle…` takes input, `poll…` gives output, `nextTimeoutUs` says when to come back.

import { transfer as limit } from "../limits.ts";
import { ArrivalBatch, pauseUsOf } from "./arrivals.ts";
import { Asker } from "./range-picker.ts";
import { Congestion, type CongestionControl } from "./congestion/bbr.ts";
import type { RateSample } from "./sent-segments.ts";
import { InitSchedule } from "./init-schedule.ts";
import { Intake } from "./intake.ts";
import { LoopbackControl } from "./congestion/loopback.ts";
import type {
  PathMemory,
  ReceiverConfig,
  ReceiverMachine,
  ReceiverState,
  ReceiverStats,
} from "./receiver-machine.ts";
import { RequestSchedule } from "./request-schedule.ts";
import { RttEstimator } from "./congestion/rtt.ts";
import { SegmentSizer } from "./mtu-discovery.ts";
import { Silence } from "./probe-timeout.ts";
import {
  datagramEnd,
  elapsedUs,
  goneReason,
  kind,
  kindAt,
  maxSendNumber,
  readCookie,
  readGone,
  wireTime,
  writeInit,
  writeRequest,
} from "./wire.ts";

/** Segments of the first request: one burst, whose spacing on arrival tells the bottleneck's rate. */
const firstBurstSegments = 32;
/** Linux' default receive buffer, less what its bookkeeping takes. */
const defaultBufferBytes = 160 * 1024;
/** Probe timeouts in a row after which everything in flight is given up (RFC 9002 §7.6: persistent congestion). */
const outageProbes = 3;
/** GONE "unknown" is not believed before this long after the offer: one sent before it may still be on its way. */
const goneGraceUs = 1_000_000;

export class Receiver implements ReceiverMachine {
  state: ReceiverState = "connecting";
  cookie: { bytes: Uint8Array; address: string; port: number } | undefined;
  private readonly rtt = new RttEstimator();
  private readonly asker: Asker;
  private readonly control: CongestionControl;
  private readonly schedule: RequestSchedule;
  private readonly intake: Intake;
  private readonly sample: RateSample = { rate: 0, priorDelivered: 0, appLimited: false };
  private readonly silence: Silence;
  /** The offer has come, or data have: the server knows us. */
  private offerAtUs = -1;
  private readonly inits = new InitSchedule();
  private asked = false;
  /** What has come that stock has not been taken of. */
  private readonly arrivals = new ArrivalBatch();
  private probesDue = 0;

  constructor(private readonly config: ReceiverConfig) {
    const { token, sink, limitBytesPerSecond = Infinity } = config;
    // A limit is kept in steps of a moment's worth.
    const ofLimit = Math.floor(limitBytesPerSecond / 20);
    const maxSegment = Math.min(
      config.maxSegmentBytes ?? limit.maxSegmentBytes,
      limit.maxSegmentBytes,
      Math.max(limit.baseSegmentBytes, ofLimit),
    );
    const start = config.loopback
      ? maxSegment
      : Math.max(limit.baseSegmentBytes, config.path?.segmentBytes ?? 0);
    this.asker = new Asker(
      config.wanted ?? [[0, limit.maxFileBytes]],
      new SegmentSizer(start, maxSegment),
    );
    const known = (config.path?.bandwidthBytesPerSecond ?? 0) / 1e6;
    this.control = config.loopback
      ? new LoopbackControl(config.receiveBufferBytes ?? defaultBufferBytes)
      : new Congestion(this.rtt, { bandwidthBytesPerUs: known });
    const most = limitBytesPerSecond / 1e6;
    // A limit of a few bytes a second is no stall.
    const ownUs = (3 * limit.baseSegmentBytes) / most;
    const stallTimeoutUs = Math.max(config.stallTimeoutUs ?? limit.stallTimeoutUs, ownUs);
    this.silence = new Silence(this.rtt, stallTimeoutUs);
    this.schedule = new RequestSchedule(this.asker, this.control, this.rtt, most);
    this.intake = new Intake(token, this.asker, this.control, sink, firstBurstSegments);
  }

  handleDatagrams(nowUs: number, bytes: Uint8Array, length = bytes.length, isExact = false): void {
    const { intake } = this;
    let at = 0;
    // Each turn takes four bytes or more off the buffer, which the socket bounds.
    while (at < length) {
      const end = datagramEnd(bytes, at, length);
      if (end < 0) break;
      const what = kindAt(bytes, at);
      if (what === kind.data) {
        if (intake.take(nowUs, bytes, at, end, isExact)) {
          const netUs = intake.wholeRttUs - intake.holdUs;
          this.arrivals.add(nowUs, netUs, this.asker.flight);
          if (intake.freshBytes > 0) this.silence.progress(nowUs);
        }
      } else if (what === kind.cookie) this.handleCookie(nowUs, bytes, at, end);
      else if (what === kind.gone) this.handleGone(nowUs, bytes, at, end);
      else break;
      at = end;
    }
    this.checkDone();
  }

  handleOffer(nowUs: number, sizeBytes: number, maxSegmentBytes: number): void {
    if (this.offerAtUs < 0) this.offerAtUs = nowUs;
    this.silence.active(nowUs);
    this.silence.progress(nowUs);
    this.asker.sizer.bound(maxSegmentBytes);
    this.asker.end(sizeBytes);
    this.checkDone();
  }

  handleTimeout(nowUs: number): void {
    this.takeStock();
    if (!this.isActive) return;
    if (nowUs >= this.silence.stallAtUs) {
      this.state = "stalled";
      return;
    }
    if (nowUs >= this.asker.flight.lossTimeUs) this.detectLosses(nowUs);
    if (nowUs >= this.probeAtUs()) this.onProbeTimeout(nowUs);
  }

  nextTimeoutUs(): number {
    if (!this.isActive) return Infinity;
    const { stallAtUs } = this.silence;
    if (this.cookie === undefined) return Math.min(stallAtUs, this.inits.dueUs);
    return Math.min(
      stallAtUs,
      this.asker.flight.lossTimeUs,
      this.probeAtUs(),
      this.schedule.repeatAtUs(),
      this.askAtUs(),
    );
  }

  firstRequest(nowUs: number, into: Uint8Array): number {
    if (this.cookie === undefined || this.asked) return 0;
    this.asked = true;
    // A probe of the size belongs into the stream, not into the train that is measured.
    const budget = this.config.loopback
      ? this.control.windowBytes
      : firstBurstSegments * this.asker.sizer.segmentBytes;
    const bytes = this.asker.chooseFirst(nowUs, this.schedule.firstBudget(budget));
    this.schedule.update(nowUs);
    if (this.schedule.isLimited) this.schedule.spend(bytes);
    // Not paced: the spacing in which this burst arrives is the bottleneck's.
    return this.writeAsks(nowUs, into, true);
  }

  pollTransmit(nowUs: number, into: Uint8Array): number {
    this.silence.begin(nowUs);
    this.takeStock();
    if (this.asker.flight.nextSeq > maxSendNumber && this.isActive) this.state = "gone";
    if (!this.isActive) return 0;
    if (this.cookie === undefined || this.probesDue < 0) return this.pollInit(nowUs, into);
    if (!this.asked) return 0;
    const { asker, schedule } = this;
    schedule.update(nowUs);
    if (this.probesDue > 0) {
      const count = this.probesDue;
      this.probesDue = 0;
      const bytes = asker.chooseCopies(nowUs, count, false);
      if (bytes > 0 || !asker.hasWanted) return this.writeAsks(nowUs, into);
    }
    const budget = schedule.budget();
    if (budget > 0) {
      const bytes = asker.choose(nowUs, budget, schedule.isLimited);
      if (bytes > 0) {
        schedule.spend(bytes);
        return this.writeAsks(nowUs, into);
      }
    }
    if (nowUs < schedule.repeatAtUs()) return 0;
    schedule.repeated();
    const copies = asker.flight.lostSegments > 0 ? 12 : 1;
    if (asker.mayCopyTail) asker.chooseTailCopies(nowUs, copies);
    return this.writeAsks(nowUs, into);
  }

  reject(nowUs: number, offset: number, length: number): void {
    this.intake.receivedBytes -= length;
    this.asker.reject(offset, length);
    if (this.state === "done") this.state = "running";
    this.silence.progress(nowUs);
    this.silence.active(nowUs);
  }

  setHorizon(nowUs: number, offset: number): void {
    if (this.asker.horizon <= this.asker.wanted.firstByte) this.silence.progress(nowUs);
    this.asker.horizon = offset;
  }

  stats(): ReceiverStats {
    const { asker, control, rtt } = this;
    const { flight } = asker;
    return {
      receivedBytes: this.intake.receivedBytes,
      missingBytes: this.asker.sizeBytes < Infinity ? asker.missing.bytes : Infinity,
      rttUs: rtt.smoothedUs,
      minRttUs: rtt.minUs < Infinity ? rtt.minUs : 0,
      askedSegments: asker.askedSegments,
      lostSegments: flight.lostSegments - flight.lateSegments,
      retransmittedShare: asker.againBytes / Math.max(1, asker.askedBytes),
      duplicateBytes: this.intake.duplicateBytes,
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
    this.silence.active(nowUs);
    const rttUs = Math.max(
      1,
      Math.min(elapsedUs(nowUs, cookie.echoUs), nowUs - this.inits.firstUs),
    );
    this.rtt.update(nowUs, rttUs, rttUs);
  }

  private handleGone(nowUs: number, bytes: Uint8Array, at: number, end: number): void {
    const gone = readGone(bytes, at, end);
    if (!gone || !this.isActive || !sameBytes(gone.token, this.config.token)) return;
    if (gone.reason === goneReason.changed) this.state = "changed";
    else if (this.offerAtUs >= 0 && nowUs > this.offerAtUs + goneGraceUs) this.state = "gone";
  }

  /**
   * What the arrivals since the last time say of the path. Once for all that a process has read in one go: when it was kept
   * from reading, a hundred segments with the same late round trip are one piece of evidence and not a hundred.
   */
  private takeStock(): void {
    const { control, asker, rtt, intake, arrivals } = this;
    const { flight } = asker;
    const nowUs = arrivals.lastUs;
    if (nowUs < 0) return;
    this.silence.heard(nowUs);
    rtt.update(nowUs, intake.wholeRttUs, arrivals.netRttUs);
    this.detectLosses(nowUs);
    const { train } = intake;
    if (train.bytesPerUs > 0) control.onTrain(train.bytesPerUs, train.spanUs);
    flight.takeSample(rtt.minUs * 0.98, this.sample);
    this.schedule.heldUs = intake.holdUs;
    arrivals.delivered = flight.delivered;
    arrivals.inFlightBytes = Math.max(0, flight.inFlightBytes - this.schedule.heldBytes);
    control.onArrivals(nowUs, this.sample, arrivals);
    arrivals.clear();
    flight.pauseUs = pauseUsOf(rtt.minUs, control.bandwidthBytesPerUs);
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
    this.silence.probed(nowUs);
    const { probes } = this.silence;
    if (probes >= outageProbes) {
      // The path may be down, narrower, or our address another: everything again, small, and with a fresh cookie.
      const again = probes > outageProbes;
      this.asker.flight.giveUpAll(again, this.asker.lost);
      this.control.onOutage();
      if (again) this.asker.sizer.onBlackHole();
      this.probesDue = -1;
      this.inits.dueUs = nowUs;
    } else this.probesDue = 2;
  }

  /** When nothing has come for so long that we ask again; Infinity if nothing is due. */
  private probeAtUs(): number {
    if (this.cookie === undefined || this.offerAtUs < 0) return Infinity;
    return this.silence.probeAtUs(this.asker.flight.inFlightSegments);
  }

  /** When there may be something to ask for; Infinity if only an arrival can change that. */
  private askAtUs(): number {
    if (this.probesDue !== 0) return this.probesDue < 0 ? this.inits.dueUs : 0;
    return this.asked ? this.schedule.askAtUs() : Infinity;
  }

  private pollInit(nowUs: number, into: Uint8Array): number {
    if (nowUs < this.inits.dueUs) return 0;
    // After an outage one INIT asks for a fresh cookie; what follows are probes.
    if (this.probesDue < 0) this.probesDue = 1;
    else this.inits.sent(nowUs);
    return writeInit(into, { token: this.config.token, timeUs: wireTime(nowUs) });
  }

  private writeAsks(nowUs: number, into: Uint8Array, first = false): number {
    if (this.cookie === undefined) return 0;
    const asks = this.asker.takeAsks();
    this.schedule.requested(nowUs, this.asker.lastWasFresh);
    const { token } = this.config;
    const cookie = this.cookie.bytes;
    const { sendBytesPerUs: pace, burstUs } = this.schedule;
    const paceBytesPerMs = first || pace === Infinity ? 0 : pace * 1_000;
    const timeUs = wireTime(nowUs);
    return writeRequest(into, { token, cookie, timeUs, paceBytesPerMs, burstUs, asks });
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < limit.tokenBytes; i++) if (a[i] !== b[i]) return false;
  return true;
}
