// BBR's Startup (draft-ietf-ccwg-bbr §4.1): searches for a path's rate, at first and again when
// probing finds much more. Determines pacing rate and window, and detects when the pipe is full.
// Pure. Rates are bytes per µs.

import { udpTransfer as limit } from "../../limits.ts";
import { isShortPath, type LateStreak, QueueDelay } from "./queue-delay.ts";
import type { RttEstimator } from "./rtt.ts";

/** 64 small segments; the second half is paced over a round trip. */
export const initialWindowBytes = 64 * limit.baseSegmentBytes;
/**
 * Gentler than the draft's 4 ln 2 and 2, so that the bytes in flight when the pipe turns out to be
 * full fit a queue of one bandwidth-delay product.
 */
const gain = 2.4;
const windowGain = 1.8;
/** If the rate does not grow by this factor for this many rounds, the pipe is full. */
const growth = 1.25;
const fullPipeRounds = 3;
/** The same, once the rate has been measured after a jump. */
const gentle = { gain: 1.5, growth: 1.15, fullPipeRounds: 2 };
/** Extra window, in µs of the rate: on short paths scheduling delays exceed the round trip. */
const slackUs = 3_000;
const shortSlackUs = 8_000;
/**
 * The jump to an estimated rate is at most this many initial windows, since a token bucket can make
 * a short train look too fast, and at most one window per 0.1 ms of the train, since segments that
 * were queued somewhere arrive as if the path were fast.
 */
const maxJumpWindows = 24;
const minJumpWindows = 4;
const jumpStepUs = 100;
const jumpGain = 1.25;
/**
 * An estimate is discarded if the rate has not reached this share of it within the given number of
 * rounds.
 */
const confirmedShare = 0.7;
const confirmRounds = 2;
/** No radio link loses this much: a shallow buffer must have overflowed. */
const tooMuchLoss = 0.35;
/** On a short path this much loss also means a full pipe. */
const shortLoss = 0.02;
const shortLossBytes = 16_000;
/** On a short path, a queue of this size that stands for this long also means a full pipe. */
const queueBytes = 64_000;
const queueStandsUs = 1_000;
/**
 * On a short path a flat rate may be due to a process that is warming up or descheduled, so it must
 * stay flat for this long, with a queue or without.
 */
const shortPlateauUs = { queued: 50_000, idle: 200_000 };
/** On a long path rounds with a pause don't count, for up to this many round trips. */
const maxPausedRounds = 3;

/** Observations of one round trip. */
export interface Round {
  /** As a share and in bytes. */
  loss: number;
  lostBytes: number;
  /** A queue stood throughout. */
  isQueued: boolean;
  /** A process was descheduled. */
  isPaused: boolean;
}

/**
 * `blind`: nothing is known. `jumped`: relies on an estimate. `gentle`: has measured the rate and
 * looks for more; `gentler` does so for the second time.
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

  /** A first estimate of the rate, measured over `spanUs`; later ones are ignored. */
  onPacketTrain(bytesPerUs: number, spanUs: number): void {
    if (this.hasEstimate || bytesPerUs <= 0) return;
    // An estimate below the initial rate only means that a process is still warming up.
    if (bytesPerUs * this.rtt.minUs <= initialWindowBytes) return;
    this.hasEstimate = true;
    this.estimate = bytesPerUs;
    if (!this.isShort) {
      this.jumpWindows = Math.min(maxJumpWindows, Math.max(minJumpWindows, spanUs / jumpStepUs));
    }
    this.stage = "jumped";
    this.fullRounds = 0;
  }

  /** Probing has found much more bandwidth: continues the search from there. */
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
   * Called after each batch of arrivals. A standing queue means a full pipe, before the queue
   * overflows.
   */
  isQueued(nowUs: number, queueRttUs: number, bandwidth: number, lateStreak: LateStreak): boolean {
    if (this.fullRate === 0) return false;
    if (this.queueDelay.isStanding(nowUs, queueRttUs)) return true;
    const { minUs } = this.rtt;
    if (!isShortPath(minUs) || lateStreak.durationUs(nowUs) <= queueStandsUs) return false;
    return (queueRttUs - minUs) * bandwidth > queueBytes;
  }

  /**
   * Called after each round: whether the rate has stopped growing (draft §4.1.2) or loss is too
   * high.
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

  /** Whether the rate has been flat for longer than a scheduling delay. */
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
