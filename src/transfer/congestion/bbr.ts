// Congestion control at the receiver, modelled on BBR (draft-ietf-ccwg-bbr): derives pacing rate
// and window from the delivery rate and the minimum round trip. Random loss that occurs at any rate
// (radio) does not slow it down; loss caused by a higher rate does. Pure. Rates are bytes per µs.

import { udpTransfer as limit } from "../../limits.ts";
import type { Arrivals } from "../arrival-batch.ts";
import type { RateSample } from "../sent-segments.ts";
import { BandwidthFilter, SlidingRate, ThroughputMeter } from "./bandwidth-filter.ts";
import type { CongestionController, CongestionPhase } from "./controller.ts";
import { ProbeBwCycle } from "./probe-bw.ts";
import { isShortPath, LateStreak } from "./queue-delay.ts";
import type { RttEstimator } from "./rtt.ts";
import { initialWindowBytes, type Round, Startup } from "./startup.ts";

/** Minimum window: enough for loss detection by packet threshold. */
const minWindowBytes = 16 * limit.baseSegmentBytes;
/** The window in bandwidth-delay products (draft §4.6.4). */
const windowGain = 2;
/** Larger while probing: otherwise the smaller of two flows that share a queue stays small. */
const probingWindowGain = 2.5;
/** Extra window, in µs of the rate: how much an event loop requests in one go. */
const slackUs = 3_000;
const drainGain = 0.5;
const drainRounds = 3;
/** Loss above the path's own that ends probing; the second value is for short paths. */
const excessLoss = 0.04;
const shortExcessLoss = 0.02;
/**
 * Lowest cap on the window after such loss, in bandwidth-delay products plus a scheduling delay.
 */
const capGain = 1.25;
const capSlackUs = 1_000;
/** Loss during a standing queue lowers the estimate itself, by at most this factor at a time. */
const congestiveLoss = 0.08;
const congestiveStep = 0.85;
/** On a short path, a standing queue alone lowers the estimate. */
const queuedStep = 0.97;
/** Up to this share, the path's own loss is compensated by requesting more. */
const maxCompensatedLoss = 0.25;
const lossRounds = 8;
/** A shorter queue may just be event-loop noise. */
const minOwnQueueUs = 500;
/** Rounds with fewer bytes give no loss rate: a few reordered segments would look like loss. */
const minLossBytes = initialWindowBytes / 2;
/** Minimum duration of a filter round on a short path, where rounds are brief. */
const shortAgeUs = 40_000;
/** Duration of ProbeRTT, with half a bandwidth-delay product in flight. */
const probeRttUs = 200_000;

export class BbrController implements CongestionController {
  phase: CongestionPhase = "startup";
  private readonly filter = new BandwidthFilter();
  private readonly meter = new ThroughputMeter();
  private readonly sliding = new SlidingRate();
  private readonly lateStreak = new LateStreak();
  private readonly startup: Startup;
  private readonly cycle: ProbeBwCycle;
  private periodLost = 0;
  private periodSinceUs = 0;
  private nextRoundAt = 0;
  private agedAtUs = 0;
  private probeRounds = 0;
  private phaseSinceUs = 0;
  private probedMinRttUs = Infinity;
  /** Bytes in flight at which probing caused loss; Infinity if it has not. */
  private windowCap = Infinity;
  private isRestarting = false;
  /** The current round; until it ends, `isQueued` is still that of the previous round. */
  private readonly round: Round = { loss: 0, lostBytes: 0, isQueued: false, isPaused: false };
  private roundDeliveredFrom = 0;
  private roundLeastRttUs = Infinity;
  /** Loss of recent rounds; their minimum is the path's own loss. */
  private readonly losses: number[] = [];
  private ownLoss = 0;

  constructor(
    private readonly rtt: RttEstimator,
    known?: { bandwidthBytesPerUs: number },
  ) {
    this.startup = new Startup(rtt);
    this.cycle = new ProbeBwCycle(rtt);
    if (known) this.onPacketTrain(known.bandwidthBytesPerUs, Infinity);
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
    // Segments lost to the path's own loss never reach the bottleneck.
    return Math.max(minWindowBytes / rttUs, (gain * bandwidth) / (1 - this.ownLoss));
  }

  get windowBytes(): number {
    if (this.isRestarting) return minWindowBytes;
    const bandwidth = this.filter.bytesPerUs;
    const product = this.product();
    if (this.phase === "probe-rtt") return Math.max(minWindowBytes / 4, product / 2);
    if (this.phase === "startup") {
      return Math.min(this.startup.windowBytes(bandwidth), limit.maxWindowBytes);
    }
    const isProbing = this.phase === "probe-bandwidth" && this.cycle.isProbing;
    const slack = slackUs * Math.max(bandwidth, limit.baseSegmentBytes / 1_000);
    const window = (isProbing ? probingWindowGain : windowGain) * product + slack;
    return Math.min(
      Math.max(Math.min(window, this.windowCap), minWindowBytes),
      limit.maxWindowBytes,
    );
  }

  onPacketTrain(bytesPerUs: number, spanUs: number): void {
    if (this.phase === "startup") this.startup.onPacketTrain(bytesPerUs, spanUs);
  }

  onLost(bytes: number): void {
    this.round.lostBytes += bytes;
    this.periodLost += bytes;
  }

  onSpuriousLoss(bytes: number): void {
    this.round.lostBytes = Math.max(0, this.round.lostBytes - bytes);
    this.periodLost = Math.max(0, this.periodLost - bytes);
  }

  onOutage(): void {
    this.isRestarting = true;
  }

  onArrivals(sample: RateSample, arrivals: Arrivals, nowUs: number): void {
    const { queueRttUs, delivered, inFlightBytes } = arrivals;
    this.round.isPaused ||= arrivals.isPaused;
    this.lateStreak.add(nowUs, queueRttUs, this.rtt.minUs);
    if (this.phase === "startup") {
      const bandwidth = this.filter.bytesPerUs;
      if (this.startup.isQueued(nowUs, queueRttUs, bandwidth, this.lateStreak)) this.drain(nowUs);
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

  /** Lowers the estimate if loss exceeds the path's own during a standing queue (draft §4.5.10). */
  private endPeriod(nowUs: number): void {
    const came = this.meter.bytesPerUs * Math.max(1, nowUs - this.periodSinceUs);
    const loss = this.periodLost / Math.max(1, came + this.periodLost);
    this.periodSinceUs = nowUs;
    this.periodLost = 0;
    if (this.phase !== "probe-bandwidth" || this.probeRounds < 2 || !this.round.isQueued) return;
    // Arrivals after a scheduling delay carry no information about the path.
    if (this.isShort && this.round.isPaused) return;
    if (this.isShort && this.cycle.isCruising) this.lower(queuedStep);
    if (loss < this.ownLoss + congestiveLoss) return;
    this.lower(congestiveStep);
    this.cycle.probeSoon();
  }

  /** Lowers the estimate to the measured throughput, by at most this factor. */
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
    this.isRestarting = false;
    if (this.phase === "startup") {
      const rate = this.filter.bytesPerUs;
      if (rate > 0 && !appLimited && this.startup.endRound(nowUs, rate, round)) this.drain(nowUs);
    } else if (this.phase === "probe-bandwidth" && this.probeRounds++ > 1) {
      // The first rounds still include losses from startup.
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

  /**
   * Loss that persists even in the best of the recent rounds does not depend on the rate: it is the
   * path's own.
   */
  private learnOwnLoss({ loss, isQueued }: Round): void {
    // Loss during a standing queue may be caused by it; compensating would feed the queue.
    this.losses.push(isQueued ? 0 : loss);
    if (this.losses.length > lossRounds) this.losses.shift();
    if (this.losses.length > 2) this.ownLoss = Math.min(maxCompensatedLoss, ...this.losses);
  }

  /** Loss above the path's own while probing caps the bytes in flight (draft §4.5). */
  private checkLoss({ loss, isQueued, isPaused }: Round, inFlight: number): void {
    const { isShort } = this;
    // Loss after a scheduling delay is not caused by load.
    if (isShort && isPaused) return;
    const excess = isShort ? shortExcessLoss : excessLoss;
    // Other flows may be filling the queue: holding back would starve this one next to a TCP that
    // does not (BBR v1).
    if (isQueued && !isShort) this.windowCap = Infinity;
    else if (loss > this.ownLoss + excess && this.losses.length > 2) {
      const least = capGain * this.product() + capSlackUs * this.filter.bytesPerUs;
      this.windowCap = Math.max(least, Math.min(this.windowCap, inFlight) * 0.9);
      this.cycle.stopProbing();
    } else if (this.cycle.isProbing) this.windowCap *= 1.25;
    else if (isShort) this.windowCap *= 1.01;
  }

  private advance(nowUs: number, netRttUs: number, inFlight: number): void {
    const product = this.product();
    const elapsedUs = nowUs - this.phaseSinceUs;
    if (this.phase === "drain") {
      const isDrained = inFlight <= product / (1 - this.ownLoss);
      if (isDrained || elapsedUs > drainRounds * this.rtt.minUs) this.probeBandwidth(nowUs);
    } else if (this.phase === "probe-bandwidth") {
      if (this.rtt.isMinStale(nowUs)) {
        this.probedMinRttUs = Infinity;
        this.enter("probe-rtt", nowUs);
        return;
      }
      const bandwidth = this.filter.bytesPerUs;
      const { isQueued } = this.round;
      const step = this.cycle.advance(
        nowUs,
        bandwidth,
        inFlight,
        product,
        isQueued,
        this.lateStreak,
      );
      if (step !== "refill") return;
      this.startup.restart(nowUs, bandwidth);
      this.enter("startup", nowUs);
    } else if (this.phase === "probe-rtt") {
      // The first samples belong to segments requested before this phase.
      if (elapsedUs > this.rtt.smoothedUs) {
        this.probedMinRttUs = Math.min(this.probedMinRttUs, netRttUs);
      }
      if (elapsedUs >= probeRttUs + this.rtt.smoothedUs) {
        this.rtt.resetMin(nowUs, Math.min(this.probedMinRttUs, this.rtt.minUs * 4));
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

  private enter(phase: CongestionPhase, nowUs: number): void {
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
