// Congestion control at the receiver, modelled on BBR (draft-ietf-ccwg-bbr): how fast to ask, and how much may be in flight,
// from the delivery rate and the least round trip. Loss that is there at any rate (radio) does not slow it down; loss that
// comes with a higher rate does. Pure. Rates are bytes per µs.

import { transfer as limit } from "../limits.ts";
import { BandwidthFilter, SlidingRate, ThroughputMeter } from "./bandwidth.ts";
import type { RateSample } from "./flight.ts";
import { QueueWatch } from "./queue-watch.ts";
import type { RttEstimator } from "./rtt.ts";

export type Phase = "startup" | "drain" | "probe-bandwidth" | "probe-rtt" | "loopback";

/** What the receiver asks of a congestion control. */
export interface CongestionControl {
  readonly phase: Phase;
  readonly windowBytes: number;
  /** Infinity: not paced. */
  readonly pacingBytesPerUs: number;
  readonly bandwidthBytesPerUs: number;
  /** A first guess at the bandwidth, before there is a sample. */
  onTrain(bytesPerUs: number): void;
  onLost(bytes: number): void;
  /** What was given up came after all. */
  onLate(bytes: number): void;
  /** After each batch of arrivals. `netRttUs` is the least round trip in it, `delivered` and `inFlightBytes` the flight's. */
  onArrivals(
    nowUs: number,
    sample: RateSample,
    netRttUs: number,
    delivered: number,
    inFlightBytes: number,
  ): void;
  /** Nothing has come for several probe timeouts: begin gently when it does again. */
  onOutage(): void;
}

/** First window: 64 small segments, spread over a round trip except for the first half. */
export const initialWindowBytes = 64 * limit.baseSegmentBytes;
/** Least window: enough for the packet threshold to work. */
const minWindowBytes = 16 * limit.baseSegmentBytes;
/** Startup gains: a little gentler than the draft's (§4.1.1: 4 ln 2 and 2), so that what is in flight when a full pipe
 *  shows still fits a queue of one bandwidth-delay product. */
const startupGain = 2.4;
const startupWindowGain = 1.8;
/** In flight at most, in bandwidth-delay products (draft §4.6.4). */
const windowGain = 2;
/** While probing for more there must be room for more, or the smaller one of two flows that share a queue stays small. */
const probingWindowGain = 2.5;
/** After a jump to a guessed rate one gentle round tells whether there is more. */
const verifyGain = 1.5;
const drainGain = 0.5;
/** One round each; the first asks for more than there was, the second lets the queue of the first go. */
const cycleGains = [1.25, 0.75, 1, 1, 1, 1, 1, 1] as const;
/** The jump to a guessed rate goes at most this many first windows far: a shaper's bucket can flatter a short train. */
const maxJumpWindows = 24;
/** Loss beyond the path's own, in a round of probing, that means "too much". */
const excessLoss = 0.04;
/** Where the round trip is as short as what processes keep each other waiting, samples of the rate err on the high side, and a
 *  queue that stands is nearly always our own. */
const shortRttUs = 20_000;
const shortExcessLoss = 0.02;
/** The rate while a queue stands: lets it go, for the maximum of many samples is a little above the truth. */
const queuedGain = 0.97;
const shortQueuedGain = 0.95;
/** The bound that it sets, in bandwidth-delay products, at least. */
const boundGain = 1.25;
/** Loss beside a queue that lowers the estimate itself. */
const congestiveLoss = 0.08;
/** The path's own loss that is made up for by asking for more, at most. */
const maxCompensatedLoss = 0.25;
const lossRounds = 8;
/** A queue shorter than this may be the noise of an event loop. */
const minOwnQueueUs = 500;
/** Rounds of fewer bytes say nothing of loss: a reordered handful may look like one. */
const minLossBytes = initialWindowBytes / 2;
/** No radio loses so much: startup has overrun a shallow buffer. */
const tooMuchLoss = 0.35;
/** Probing that brings this much more has not met the path's end. */
const notFull = 1.12;
/** Probing the round trip: this long with half a bandwidth-delay product. */
const probeRttUs = 200_000;

export class Congestion implements CongestionControl {
  phase: Phase = "startup";
  private readonly filter = new BandwidthFilter();
  private readonly meter = new ThroughputMeter();
  private readonly sliding = new SlidingRate();
  private periodLost = 0;
  private periodSinceUs = 0;
  private nextRoundAt = 0;
  private trainRate = 0;
  /** Startup after a jump: 0 none, 1 jumped, 2 its round has been measured and a gentle one looks for more, 3 there was
   *  more, 4 much more: the guess was nothing worth. */
  private jump = 0;
  private fullRate = 0;
  private fullRounds = 0;
  private probeRounds = 0;
  private cycle = 2;
  /** The estimate when the last probing began. */
  private probedFrom = Infinity;
  private phaseSinceUs = 0;
  private probeRttLeast = Infinity;
  /** Bytes in flight above which probing has met loss; Infinity while it has not. */
  private bound = Infinity;
  private restarting = false;
  // This round.
  private roundLost = 0;
  private roundDeliveredFrom = 0;
  private roundLeastRttUs = Infinity;
  /** In the whole of the last round there was a queue. */
  private queued = false;
  private readonly queueWatch: QueueWatch;
  // The loss of the last rounds.
  private readonly losses: number[] = [];
  private ownLoss = 0;

  constructor(
    private readonly rtt: RttEstimator,
    known?: { bandwidthBytesPerUs: number },
  ) {
    this.queueWatch = new QueueWatch(rtt);
    if (known && known.bandwidthBytesPerUs > 0) this.onTrain(known.bandwidthBytesPerUs);
  }

  get bandwidthBytesPerUs(): number {
    return this.filter.bytesPerUs;
  }

  get pacingBytesPerUs(): number {
    const bandwidth = this.filter.bytesPerUs;
    const rttUs = this.rtt.minUs < Infinity ? this.rtt.minUs : 100_000;
    if (this.phase === "startup") {
      const start = initialWindowBytes / rttUs;
      if (this.jump === 1) return Math.max(start, this.trainRate);
      const gentle = this.jump === 2 || this.jump === 3;
      return Math.max(start, bandwidth * (gentle ? verifyGain : startupGain));
    }
    const gain =
      this.phase === "drain" ? drainGain : this.phase === "probe-rtt" ? 1 : this.cycleGain;
    // What the path loses anyway never reaches the bottleneck.
    return Math.max(minWindowBytes / rttUs, (gain * bandwidth) / (1 - this.ownLoss));
  }

  get windowBytes(): number {
    const quanta = 3 * Math.max(this.filter.bytesPerUs * 1_000, limit.baseSegmentBytes);
    if (this.restarting) return minWindowBytes;
    const product = this.product();
    if (this.phase === "probe-rtt") return Math.max(minWindowBytes / 4, product / 2);
    const isProbing = this.phase === "probe-bandwidth" && this.cycle === 0;
    let window = (isProbing ? probingWindowGain : windowGain) * product + quanta;
    if (this.phase === "startup") {
      window = Math.max(startupWindowGain * product + quanta, initialWindowBytes);
      if (this.jump === 1) {
        const jumped = this.trainRate * this.rtt.minUs * 1.25 + quanta;
        window = Math.max(window, Math.min(jumped, maxJumpWindows * initialWindowBytes));
      }
    } else {
      window = Math.max(Math.min(window, this.bound), minWindowBytes);
    }
    return Math.min(window, limit.maxWindowBytes);
  }

  onTrain(bytesPerUs: number): void {
    if (this.phase !== "startup" || this.jump !== 0 || bytesPerUs <= 0) return;
    // A guess below the rate that we begin with anyway is no help: it tells how slow a process is that has just begun.
    if (bytesPerUs * this.rtt.minUs <= initialWindowBytes) return;
    this.trainRate = bytesPerUs;
    this.jump = 1;
    this.fullRounds = 0;
  }

  onLost(bytes: number): void {
    this.roundLost += bytes;
    this.periodLost += bytes;
  }

  onLate(bytes: number): void {
    this.roundLost = Math.max(0, this.roundLost - bytes);
    this.periodLost = Math.max(0, this.periodLost - bytes);
  }

  onOutage(): void {
    this.restarting = true;
  }

  onArrivals(
    nowUs: number,
    sample: RateSample,
    netRttUs: number,
    delivered: number,
    inFlightBytes: number,
  ): void {
    if (this.phase === "startup" && this.fullRate > 0 && this.queueWatch.stands(nowUs, netRttUs)) {
      // The pipe is full when a queue stands: that need not be filled, too.
      this.enter("drain", nowUs);
    }
    if (netRttUs < this.roundLeastRttUs) this.roundLeastRttUs = netRttUs;
    const sliding = this.sliding.update(nowUs, delivered);
    const isNoisy = this.isShort && this.phase !== "startup";
    const rate = isNoisy ? Math.min(sample.rate, sliding) : sample.rate;
    if (rate > 0 && (!sample.appLimited || rate > this.filter.bytesPerUs)) this.filter.add(rate);
    if (sample.priorDelivered >= this.nextRoundAt) {
      this.endRound(nowUs, delivered, inFlightBytes, sample.appLimited);
    }
    if (this.meter.update(nowUs, delivered, this.rtt.minUs)) this.endPeriod(nowUs);
    this.advance(nowUs, netRttUs, inFlightBytes);
  }

  /** The estimate is too high if more gets lost than the path loses by itself, and less comes than it says
   *  (draft §4.5.10: the lower bounds). */
  private endPeriod(nowUs: number): void {
    const came = this.meter.bytesPerUs * Math.max(1, nowUs - this.periodSinceUs);
    const loss = this.periodLost / Math.max(1, came + this.periodLost);
    this.periodSinceUs = nowUs;
    this.periodLost = 0;
    if (this.phase !== "probe-bandwidth" || this.probeRounds < 2 || !this.queued) return;
    if (loss < this.ownLoss + congestiveLoss) return;
    const bandwidth = this.filter.bytesPerUs;
    this.filter.limit(Math.max(this.meter.bytesPerUs, bandwidth * 0.85));
  }

  private endRound(nowUs: number, delivered: number, inFlight: number, appLimited: boolean): void {
    const got = delivered - this.roundDeliveredFrom;
    const loss = got < minLossBytes ? 0 : this.roundLost / (got + this.roundLost);
    const { minUs } = this.rtt;
    this.queued = this.roundLeastRttUs > minUs + Math.max(minOwnQueueUs, minUs / 4);
    if (got >= minLossBytes) {
      // Loss beside a standing queue may be the queue's: making up for it would feed it.
      this.losses.push(this.queued ? 0 : loss);
      if (this.losses.length > lossRounds) this.losses.shift();
      if (this.losses.length > 2) {
        this.ownLoss = Math.min(maxCompensatedLoss, ...this.losses);
      }
    }
    this.restarting = false;
    if (this.phase === "startup") this.checkFull(nowUs, loss, appLimited);
    else if (this.phase === "probe-bandwidth" && this.probeRounds++ > 1) {
      // The first rounds still hear of what startup has lost.
      this.checkLoss(loss, inFlight);
    }
    this.nextRoundAt = delivered;
    this.roundDeliveredFrom = delivered;
    this.roundLost = 0;
    this.roundLeastRttUs = Infinity;
    this.filter.nextRound();
  }

  /** Is the pipe full? The rate has stopped growing (draft §4.1.2). A queue tells sooner: QueueWatch. */
  private checkFull(nowUs: number, loss: number, appLimited: boolean): void {
    const rate = this.filter.bytesPerUs;
    if (rate === 0 || appLimited) return;
    if (this.jump === 1) {
      // The round that was measured may still be the one before the jump.
      if (rate < this.trainRate * 0.7 && this.fullRounds++ < 2) return;
      this.jump = 2;
      this.fullRate = rate;
      this.fullRounds = 0;
      return;
    }
    const gentle = this.jump === 2 || this.jump === 3;
    if (rate >= this.fullRate * (gentle ? 1.15 : 1.25)) {
      this.fullRate = rate;
      this.fullRounds = 0;
      if (gentle) this.jump++;
    } else this.fullRounds++;
    const patience = gentle ? 2 : 3;
    const overrun = this.isShort && this.fullRounds > 0 && loss > shortExcessLoss;
    if (this.fullRounds >= patience || loss > tooMuchLoss || overrun) this.enter("drain", nowUs);
  }

  /** Loss beyond the path's own while asking for more bounds what may be in flight (draft §4.5). */
  private checkLoss(loss: number, inFlight: number): void {
    // Where a queue stands, others fill it as well: to hold back then is to be starved by a TCP that does not (BBR v1).
    if (this.queued && !this.isShort) this.bound = Infinity;
    else if (
      loss > this.ownLoss + (this.isShort ? shortExcessLoss : excessLoss) &&
      this.losses.length > 2
    ) {
      this.bound = Math.max(boundGain * this.product(), Math.min(this.bound, inFlight) * 0.9);
      if (this.cycle === 0) this.cycle = 1;
    } else if (this.cycle === 0) {
      this.bound *= 1.25;
    }
  }

  private advance(nowUs: number, netRttUs: number, inFlight: number): void {
    const product = this.product();
    const elapsedUs = nowUs - this.phaseSinceUs;
    if (this.phase === "drain") {
      if (inFlight <= product / (1 - this.ownLoss) || elapsedUs > 3 * this.rtt.minUs) {
        this.cycle = 2;
        this.enter("probe-bandwidth", nowUs);
      }
    } else if (this.phase === "probe-bandwidth") {
      if (this.rtt.isMinStale(nowUs)) {
        this.probeRttLeast = Infinity;
        this.enter("probe-rtt", nowUs);
        return;
      }
      const gain = cycleGains[this.cycle] as number;
      const done =
        gain > 1
          ? elapsedUs >= this.rtt.minUs &&
            (inFlight >= gain * product || elapsedUs >= 2 * this.rtt.minUs)
          : gain < 1
            ? elapsedUs >= this.rtt.minUs || inFlight <= product
            : elapsedUs >= this.rtt.minUs;
      if (done) this.nextCycle(nowUs);
    } else if (this.phase === "probe-rtt") {
      // The first samples still belong to what was in flight before.
      if (elapsedUs > this.rtt.smoothedUs) {
        this.probeRttLeast = Math.min(this.probeRttLeast, netRttUs);
      }
      if (elapsedUs >= probeRttUs + this.rtt.smoothedUs) {
        this.rtt.resetMin(nowUs, Math.min(this.probeRttLeast, this.rtt.minUs * 4));
        this.cycle = 2;
        this.enter("probe-bandwidth", nowUs);
      }
    }
  }

  private nextCycle(nowUs: number): void {
    const bandwidth = this.filter.bytesPerUs;
    if (this.cycle === cycleGains.length - 1) this.probedFrom = bandwidth;
    // What probing has brought shows a round later. Much more than before, and no queue: the pipe was not full at all.
    if (this.cycle === 1 && bandwidth > this.probedFrom * notFull && !this.queued) {
      this.fullRate = bandwidth;
      this.fullRounds = 0;
      this.queueWatch.reset();
      this.jump = 3;
      this.enter("startup", nowUs);
      return;
    }
    this.cycle = (this.cycle + 1) % cycleGains.length;
    this.phaseSinceUs = nowUs;
  }

  private enter(phase: Phase, nowUs: number): void {
    this.phase = phase;
    this.phaseSinceUs = nowUs;
  }

  private get isShort(): boolean {
    return this.rtt.minUs < shortRttUs;
  }

  private get cycleGain(): number {
    const gain = cycleGains[this.cycle] as number;
    if (gain !== 1 || !this.queued) return gain;
    return this.isShort ? shortQueuedGain : queuedGain;
  }

  /** Bandwidth-delay product in bytes. */
  private product(): number {
    return this.rtt.minUs < Infinity ? this.filter.bytesPerUs * this.rtt.minUs : 0;
  }
}
