// BBR's Startup (draft-ietf-ccwg-bbr §4.1): the search for a path's rate, at the beginning and
// again when probing finds much more. Says how fast, how much in flight, and when the pipe is full.
// Pure. Rates are bytes per µs.

import { transfer as limit } from "../../limits.ts";
import { isShortPath, type LateStreak, QueueDelay } from "./queue-delay.ts";
import type { RttEstimator } from "./rtt.ts";

/** Initial window: 64 small segments, paced over a round trip except for the first half. */
export const initialWindowBytes = 64 * limit.baseSegmentBytes;
/**
 * A little gentler than the draft's 4 ln 2 and 2, so that what is in flight when the full pipe
 * shows still fits a queue of one bandwidth-delay product.
 */
const gain = 2.4;
const windowGain = 1.8;
/**
 * Growth of the rate that suggests there may be more; without it for so many rounds, the pipe is
 * full.
 */
const growth = 1.25;
const fullPipeRounds = 3;
/** The same once the rate has been measured after a jump. */
const gentle = { gain: 1.5, growth: 1.15, fullPipeRounds: 2 };
/**
 * Window above the bandwidth-delay product, in µs of the rate: processes keep each other waiting
 * longer than a short path's RTT.
 */
const slackUs = 3_000;
const shortSlackUs = 8_000;
/**
 * The jump to an estimated rate is at most this many initial windows: a token bucket can flatter a
 * short train. And at most one for each 0.1 ms of the train: segments that queued up somewhere
 * arrive as if the path were fast.
 */
const maxJumpWindows = 24;
const minJumpWindows = 4;
const jumpStepUs = 100;
const jumpGain = 1.25;
/** An estimate is discarded if the rate has not reached this share of it after some rounds. */
const confirmedShare = 0.7;
const confirmRounds = 2;
/** No radio link loses this much: a shallow buffer has overflowed. */
const tooMuchLoss = 0.35;
/** On a short path loss shows a full pipe sooner, if it is more than a handful of segments, … */
const shortLoss = 0.02;
const shortLossBytes = 16_000;
/** … and so does a queue the size of a real buffer that stands this long. */
const queueBytes = 64_000;
const queueStandsUs = 1_000;
/**
 * There a rate that does not grow may be that of a process that is warming up or descheduled: it
 * has to stay flat for this long, with a queue or without one.
 */
const shortPlateauUs = { queued: 50_000, idle: 200_000 };
/** On a long path rounds with a pause don't count, for up to so many round trips. */
const maxPausedRounds = 3;

/** What one round trip has shown. */
export interface Round {
  /** As a share, and in bytes. */
  loss: number;
  lostBytes: number;
  /** A queue stood throughout; some process was descheduled. */
  isQueued: boolean;
  isPaused: boolean;
}

/**
 * `blind` knows nothing; `jumped` goes by an estimate; `gentle` has measured it and looks for more,
 * once or (`gentler`) twice.
 */
type Stage = "blind" | "jumped" | "gentle" | "gentler";

export class Startup {
  private stage: Stage = "blind";
  private hasEstimate = false;
  private estimate = 0;
  private jumpWindows = maxJumpWindows;
  private fullRate = 0;
  private fullRounds = 0;
  private grewAtUs = 0;
  private readonly queueDelay: QueueDelay;

  constructor(private readonly rtt: RttEstimator) {
    this.queueDelay = new QueueDelay(rtt);
  }

  /**
   * A first estimate of the rate, measured over `spanUs`, before there is a sample; later ones are
   * ignored.
   */
  onPacketTrain(bytesPerUs: number, spanUs: number): void {
    if (this.hasEstimate || bytesPerUs <= 0) return;
    // Below the initial rate it is no help: it shows how slow a process is that is still warming
    // up.
    if (bytesPerUs * this.rtt.minUs <= initialWindowBytes) return;
    this.hasEstimate = true;
    this.estimate = bytesPerUs;
    if (!this.isShort) {
      this.jumpWindows = Math.min(maxJumpWindows, Math.max(minJumpWindows, spanUs / jumpStepUs));
    }
    this.stage = "jumped";
    this.fullRounds = 0;
  }

  /** Probing has found much more: search on from there. */
  restart(nowUs: number, bytesPerUs: number): void {
    this.grow(nowUs, bytesPerUs);
    this.hasEstimate = true;
    this.stage = "gentler";
    this.queueDelay.reset();
  }

  paceBytesPerUs(bandwidth: number): number {
    const { minUs } = this.rtt;
    const start = initialWindowBytes / (minUs < Infinity ? minUs : 100_000);
    if (this.stage === "jumped") return Math.max(start, this.estimate);
    return Math.max(start, bandwidth * (this.isGentle ? gentle.gain : gain));
  }

  windowBytes(bandwidth: number): number {
    const { minUs } = this.rtt;
    const least = limit.baseSegmentBytes / 1_000;
    const slack = Math.max(slackUs, shortSlackUs - minUs) * Math.max(bandwidth, least);
    const product = minUs < Infinity ? bandwidth * minUs : 0;
    const window = Math.max(windowGain * product + slack, initialWindowBytes);
    if (this.stage !== "jumped") return window;
    const jumped = this.estimate * minUs * jumpGain + slack;
    return Math.max(window, Math.min(jumped, this.jumpWindows * initialWindowBytes));
  }

  /**
   * After each batch of arrivals: a standing queue means that the pipe is full, before the queue
   * is.
   */
  isQueued(nowUs: number, queueRttUs: number, bandwidth: number, lateStreak: LateStreak): boolean {
    if (this.fullRate === 0) return false;
    if (this.queueDelay.isStanding(nowUs, queueRttUs)) return true;
    const { minUs } = this.rtt;
    if (!isShortPath(minUs) || lateStreak.durationUs(nowUs) <= queueStandsUs) return false;
    return (queueRttUs - minUs) * bandwidth > queueBytes;
  }

  /**
   * After each round: is the pipe full? The rate has stopped growing (draft §4.1.2), or too much is
   * lost.
   */
  endRound(nowUs: number, rate: number, round: Round): boolean {
    if (this.stage === "jumped") {
      // The measured round may still be the one before the jump.
      const isConfirmed = rate >= this.estimate * confirmedShare;
      if (!isConfirmed && ++this.fullRounds < confirmRounds) return false;
      this.grow(nowUs, rate);
      this.stage = isConfirmed ? "gentle" : "blind";
      return false;
    }
    if (rate >= this.fullRate * (this.isGentle ? gentle.growth : growth)) {
      this.grow(nowUs, rate);
      if (this.isGentle) this.stage = this.stage === "gentle" ? "gentler" : "blind";
    } else if (this.isPlateau(nowUs, round)) this.fullRounds++;
    const neededRounds = this.isGentle ? gentle.fullPipeRounds : fullPipeRounds;
    return (
      this.fullRounds >= neededRounds ||
      round.loss > tooMuchLoss ||
      this.hasOverflowed(nowUs, round)
    );
  }

  private hasOverflowed(nowUs: number, round: Round): boolean {
    if (!this.isShort || this.grewAtUs === nowUs) return false;
    return round.lostBytes > shortLossBytes && round.loss > shortLoss;
  }

  private grow(nowUs: number, rate: number): void {
    this.fullRate = rate;
    this.fullRounds = 0;
    this.grewAtUs = nowUs;
  }

  /** The rate has not grown, and not merely because a process was descheduled. */
  private isPlateau(nowUs: number, round: Round): boolean {
    const sinceUs = nowUs - this.grewAtUs;
    if (!this.isShort) return !round.isPaused || sinceUs > maxPausedRounds * this.rtt.minUs;
    const { queued, idle } = shortPlateauUs;
    return sinceUs > (round.isQueued ? queued : idle);
  }

  private get isGentle(): boolean {
    return this.stage === "gentle" || this.stage === "gentler";
  }

  private get isShort(): boolean {
    return isShortPath(this.rtt.minUs);
  }
}
