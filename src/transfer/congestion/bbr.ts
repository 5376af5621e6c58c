// Congestion control at the receiver, modelled on BBR (draft-ietf-ccwg-bbr): how fast to ask, and how much may be in flight,
// from the delivery rate and the least round trip. Loss that is there at any rate (radio) does not slow it down; loss that
// comes with a higher rate does. Pure. Rates are bytes per µs.

import { transfer as limit } from "../../limits.ts";
import type { Arrivals } from "../arrivals.ts";
import { BandwidthFilter, SlidingRate, ThroughputMeter } from "./bandwidth-filter.ts";
import type { RateSample } from "../sent-segments.ts";
import { ProbeCycle } from "./probe-bw.ts";
import { isShortPath, LateRun } from "./queue-delay.ts";
import type { RttEstimator } from "./rtt.ts";
import { initialWindowBytes, type Round, Startup } from "./startup.ts";

export type Phase = "startup" | "drain" | "probe-bandwidth" | "probe-rtt" | "loopback";

/** What the receiver asks of a congestion control. */
export interface CongestionControl {
  readonly phase: Phase;
  readonly windowBytes: number;
  /** Infinity: not paced. */
  readonly pacingBytesPerUs: number;
  readonly bandwidthBytesPerUs: number;
  /** A first guess at the bandwidth, taken over so long, before there is a sample. */
  onTrain(bytesPerUs: number, overUs: number): void;
  onLost(bytes: number): void;
  /** What was given up came after all. */
  onLate(bytes: number): void;
  /** After each batch of arrivals. */
  onArrivals(nowUs: number, sample: RateSample, arrivals: Arrivals): void;
  /** Nothing has come for several probe timeouts: begin gently when it does again. */
  onOutage(): void;
}

/** Least window: enough for the packet threshold to work. */
const minWindowBytes = 16 * limit.baseSegmentBytes;
/** In flight at most, in bandwidth-delay products (draft §4.6.4). */
const windowGain = 2;
/** While probing for more there must be room for more, or the smaller one of two flows that share a queue stays small. */
const probingWindowGain = 2.5;
/** What may be in flight above that: what an event loop asks for in one go. */
const slackUs = 3_000;
const drainGain = 0.5;
const drainRounds = 3;
/** Loss beyond the path's own, in a round of probing, that means "too much". */
const excessLoss = 0.04;
const shortExcessLoss = 0.02;
/** The bound that it sets: bandwidth-delay products, and a moment in which a process does not run; at least. */
const boundGain = 1.25;
const boundSlackUs = 1_000;
/** Loss beside a queue that lowers the estimate itself, in one step by so much at most. */
const congestiveLoss = 0.08;
const congestiveStep = 0.85;
/** On a short path a queue that stands lowers it as well. */
const queuedStep = 0.97;
/** The path's own loss that is made up for by asking for more, at most. */
const maxCompensatedLoss = 0.25;
const lossRounds = 8;
/** A queue shorter than this may be the noise of an event loop. */
const minOwnQueueUs = 500;
/** Rounds of fewer bytes say nothing of loss: a reordered handful may look like one. */
const minLossBytes = initialWindowBytes / 2;
/** On a short path, where a round is soon over, samples of the rate are believed ten times as long as this at least. */
const shortAgeUs = 40_000;
/** Probing the round trip: this long with half a bandwidth-delay product. */
const probeRttUs = 200_000;

export class Congestion implements CongestionControl {
  phase: Phase = "startup";
  private readonly filter = new BandwidthFilter();
  private readonly meter = new ThroughputMeter();
  private readonly sliding = new SlidingRate();
  private readonly late = new LateRun();
  private readonly startup: Startup;
  private readonly cycle: ProbeCycle;
  private periodLost = 0;
  private periodSinceUs = 0;
  private nextRoundAt = 0;
  private agedAtUs = 0;
  private probeRounds = 0;
  private phaseSinceUs = 0;
  private probeRttLeast = Infinity;
  /** Bytes in flight above which probing has met loss; Infinity while it has not. */
  private bound = Infinity;
  private restarting = false;
  /** This round; `isQueued` is of the last one until it ends. */
  private readonly round: Round = { loss: 0, lostBytes: 0, isQueued: false, isPaused: false };
  private roundDeliveredFrom = 0;
  private roundLeastRttUs = Infinity;
  // The loss of the last rounds.
  private readonly losses: number[] = [];
  private ownLoss = 0;

  constructor(
    private readonly rtt: RttEstimator,
    known?: { bandwidthBytesPerUs: number },
  ) {
    this.startup = new Startup(rtt);
    this.cycle = new ProbeCycle(rtt);
    if (known) this.onTrain(known.bandwidthBytesPerUs, Infinity);
  }

  get bandwidthBytesPerUs(): number {
    return this.filter.bytesPerUs;
  }

  get pacingBytesPerUs(): number {
    const bandwidth = this.filter.bytesPerUs;
    if (this.phase === "startup") return this.startup.paceBytesPerUs(bandwidth);
    const cycleGain = this.phase === "probe-rtt" ? 1 : this.cycle.gain(this.round.isQueued);
    const gain = this.phase === "drain" ? drainGain : cycleGain;
    const rttUs = this.rtt.minUs < Infinity ? this.rtt.minUs : 100_000;
    // What the path loses anyway never reaches the bottleneck.
    return Math.max(minWindowBytes / rttUs, (gain * bandwidth) / (1 - this.ownLoss));
  }

  get windowBytes(): number {
    if (this.restarting) return minWindowBytes;
    const bandwidth = this.filter.bytesPerUs;
    const product = this.product();
    if (this.phase === "probe-rtt") return Math.max(minWindowBytes / 4, product / 2);
    if (this.phase === "startup") {
      return Math.min(this.startup.windowBytes(bandwidth), limit.maxWindowBytes);
    }
    const isProbing = this.phase === "probe-bandwidth" && this.cycle.isProbing;
    const slack = slackUs * Math.max(bandwidth, limit.baseSegmentBytes / 1_000);
    const window = (isProbing ? probingWindowGain : windowGain) * product + slack;
    return Math.min(Math.max(Math.min(window, this.bound), minWindowBytes), limit.maxWindowBytes);
  }

  onTrain(bytesPerUs: number, overUs: number): void {
    if (this.phase === "startup") this.startup.onTrain(bytesPerUs, overUs);
  }

  onLost(bytes: number): void {
    this.round.lostBytes += bytes;
    this.periodLost += bytes;
  }

  onLate(bytes: number): void {
    this.round.lostBytes = Math.max(0, this.round.lostBytes - bytes);
    this.periodLost = Math.max(0, this.periodLost - bytes);
  }

  onOutage(): void {
    this.restarting = true;
  }

  onArrivals(nowUs: number, sample: RateSample, arrivals: Arrivals): void {
    const { queueRttUs, delivered, inFlightBytes } = arrivals;
    this.round.isPaused ||= arrivals.isPaused;
    this.late.note(nowUs, queueRttUs, this.rtt.minUs);
    if (this.phase === "startup") {
      const bandwidth = this.filter.bytesPerUs;
      if (this.startup.isQueued(nowUs, queueRttUs, bandwidth, this.late)) this.drain(nowUs);
    }
    if (queueRttUs < this.roundLeastRttUs) this.roundLeastRttUs = queueRttUs;
    const sliding = this.sliding.update(nowUs, delivered);
    const isNoisy = this.isShort && this.phase !== "startup";
    const rate = isNoisy ? Math.min(sample.rate, sliding) : sample.rate;
    if (rate > 0 && (!sample.appLimited || rate > this.filter.bytesPerUs)) this.filter.add(rate);
    if (sample.priorDelivered >= this.nextRoundAt) {
      this.endRound(nowUs, delivered, inFlightBytes, sample.appLimited);
    }
    if (this.meter.update(nowUs, delivered, this.rtt.minUs)) this.endPeriod(nowUs);
    this.advance(nowUs, arrivals.netRttUs, inFlightBytes);
  }

  /** The estimate is too high if more gets lost than the path loses by itself, and less comes than it says
   *  (draft §4.5.10: the lower bounds). */
  private endPeriod(nowUs: number): void {
    const came = this.meter.bytesPerUs * Math.max(1, nowUs - this.periodSinceUs);
    const loss = this.periodLost / Math.max(1, came + this.periodLost);
    this.periodSinceUs = nowUs;
    this.periodLost = 0;
    if (this.phase !== "probe-bandwidth" || this.probeRounds < 2 || !this.round.isQueued) return;
    // What came while somebody was kept from running says nothing of the path.
    if (this.isShort && this.round.isPaused) return;
    if (this.isShort && this.cycle.isCruising) this.lower(queuedStep);
    if (loss < this.ownLoss + congestiveLoss) return;
    this.lower(congestiveStep);
    this.cycle.hurry();
  }

  /** Lower the estimate to what really comes, by this factor at most. */
  private lower(step: number): void {
    this.filter.limit(Math.max(this.meter.bytesPerUs, this.filter.bytesPerUs * step));
  }

  private endRound(nowUs: number, delivered: number, inFlight: number, appLimited: boolean): void {
    const { round } = this;
    const got = delivered - this.roundDeliveredFrom;
    const { minUs } = this.rtt;
    round.loss = got < minLossBytes ? 0 : round.lostBytes / (got + round.lostBytes);
    round.isQueued = this.roundLeastRttUs > minUs + Math.max(minOwnQueueUs, minUs / 4);
    if (got >= minLossBytes) this.learnOwnLoss(round);
    this.restarting = false;
    if (this.phase === "startup") {
      const rate = this.filter.bytesPerUs;
      if (rate > 0 && !appLimited && this.startup.endRound(nowUs, rate, round)) this.drain(nowUs);
    } else if (this.phase === "probe-bandwidth" && this.probeRounds++ > 1) {
      // The first rounds still hear of what startup has lost.
      this.checkLoss(round, inFlight);
    }
    this.nextRoundAt = delivered;
    this.roundDeliveredFrom = delivered;
    this.roundLeastRttUs = Infinity;
    round.lostBytes = 0;
    round.isPaused = false;
    if (this.isShort && nowUs - this.agedAtUs <= shortAgeUs) return;
    this.agedAtUs = nowUs;
    this.filter.nextRound();
  }

  /** The least of the last rounds is there at any rate. */
  private learnOwnLoss({ loss, isQueued }: Round): void {
    // Loss beside a standing queue may be the queue's: making up for it would feed it.
    this.losses.push(isQueued ? 0 : loss);
    if (this.losses.length > lossRounds) this.losses.shift();
    if (this.losses.length > 2) this.ownLoss = Math.min(maxCompensatedLoss, ...this.losses);
  }

  /** Loss beyond the path's own while asking for more bounds what may be in flight (draft §4.5). */
  private checkLoss({ loss, isQueued, isPaused }: Round, inFlight: number): void {
    const { isShort } = this;
    // What a link loses that was kept from running is not what it loses under load.
    if (isShort && isPaused) return;
    const excess = isShort ? shortExcessLoss : excessLoss;
    // Where a queue stands, others fill it as well: to hold back then is to be starved by a TCP that does not (BBR v1).
    if (isQueued && !isShort) this.bound = Infinity;
    else if (loss > this.ownLoss + excess && this.losses.length > 2) {
      const least = boundGain * this.product() + boundSlackUs * this.filter.bytesPerUs;
      this.bound = Math.max(least, Math.min(this.bound, inFlight) * 0.9);
      this.cycle.stopProbing();
    } else if (this.cycle.isProbing) this.bound *= 1.25;
    else if (isShort) this.bound *= 1.01;
  }

  private advance(nowUs: number, netRttUs: number, inFlight: number): void {
    const product = this.product();
    const elapsedUs = nowUs - this.phaseSinceUs;
    if (this.phase === "drain") {
      const isDrained = inFlight <= product / (1 - this.ownLoss);
      if (isDrained || elapsedUs > drainRounds * this.rtt.minUs) this.probeBandwidth(nowUs);
    } else if (this.phase === "probe-bandwidth") {
      if (this.rtt.isMinStale(nowUs)) {
        this.probeRttLeast = Infinity;
        this.enter("probe-rtt", nowUs);
        return;
      }
      const bandwidth = this.filter.bytesPerUs;
      const { isQueued } = this.round;
      const step = this.cycle.advance(nowUs, bandwidth, inFlight, product, isQueued, this.late);
      if (step !== "more") return;
      this.startup.again(nowUs, bandwidth);
      this.enter("startup", nowUs);
    } else if (this.phase === "probe-rtt") {
      // The first samples still belong to what was in flight before.
      if (elapsedUs > this.rtt.smoothedUs) {
        this.probeRttLeast = Math.min(this.probeRttLeast, netRttUs);
      }
      if (elapsedUs >= probeRttUs + this.rtt.smoothedUs) {
        this.rtt.resetMin(nowUs, Math.min(this.probeRttLeast, this.rtt.minUs * 4));
        this.probeBandwidth(nowUs);
      }
    }
  }

  private drain(nowUs: number): void {
    this.enter("drain", nowUs);
  }

  private probeBandwidth(nowUs: number): void {
    this.cycle.start(nowUs);
    this.enter("probe-bandwidth", nowUs);
  }

  private enter(phase: Phase, nowUs: number): void {
    this.phase = phase;
    this.phaseSinceUs = nowUs;
  }

  private get isShort(): boolean {
    return isShortPath(this.rtt.minUs);
  }

  /** Bandwidth-delay product in bytes. */
  private product(): number {
    return this.rtt.minUs < Infinity ? this.filter.bytesPerUs * this.rtt.minUs : 0;
  }
}
