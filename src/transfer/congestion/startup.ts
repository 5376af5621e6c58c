// The search for a path's rate at the beginning, and again when probing has found much more than was known
// (draft-ietf-ccwg-bbr §4.1: Startup): how fast, how much in flight, and when the pipe is full. Pure. Rates are bytes per µs.

import { transfer as limit } from "../../limits.ts";
import { isShortPath, type LateRun, QueueWatch } from "./queue-delay.ts";
import type { RttEstimator } from "./rtt.ts";

/** First window: 64 small segments, spread over a round trip except for the first half. */
export const initialWindowBytes = 64 * limit.baseSegmentBytes;
/** A little gentler than the draft's 4 ln 2 and 2, so that what is in flight when a full pipe shows still fits a queue of one
 *  bandwidth-delay product. */
const gain = 2.4;
const windowGain = 1.8;
/** Growth of the rate that shows that there may be more. */
const growth = 1.25;
const patientRounds = 3;
/** The same after a guess: one gentle round tells whether there is more. */
const gentle = { gain: 1.5, growth: 1.15, patientRounds: 2 };
/** What is asked for above the product, in µs of the rate: processes wait for each other, longer than a short path is long. */
const slackUs = 3_000;
const shortSlackUs = 8_000;
/** The jump to a guessed rate goes at most this many first windows far: a shaper's bucket can flatter a short train. And no farther
 *  than one for each 0.1 ms that the train took: segments that had waited somewhere come as if the path were fast. */
const maxJumpWindows = 24;
const minJumpWindows = 4;
const jumpStepUs = 100;
const jumpGain = 1.25;
/** A guess that comes to less than this was none, if it has not been met after some rounds. */
const metShare = 0.7;
const metRounds = 2;
/** No radio loses so much: a shallow buffer has been overrun. */
const tooMuchLoss = 0.35;
/** On a short path loss shows it sooner, if it is more than a handful of segments, … */
const shortLoss = 0.02;
const shortLossBytes = 16_000;
/** … and so does a queue of a real buffer's size, that stands for so long. */
const queueBytes = 64_000;
const queueStandsUs = 1_000;
/** There a rate that does not grow may only be that of a process that has just begun, or is kept waiting: it has to stay like that for
 *  so long, with a queue or without one. */
const shortPatienceUs = { queued: 50_000, idle: 200_000 };
/** On a long path rounds with a pause do not count, for so many round trips. */
const pausedPatience = 3;

/** What a round trip has shown. */
export interface Round {
  /** Share and bytes. */
  loss: number;
  lostBytes: number;
  /** In all of it there was a queue; nothing came for a while. */
  isQueued: boolean;
  isPaused: boolean;
}

/** `blind` knows nothing; `jumped` goes by a guess; `gentle` has measured it and looks for more, once or (`gentler`) twice. */
type Stage = "blind" | "jumped" | "gentle" | "gentler";

export class Startup {
  private stage: Stage = "blind";
  private hasGuessed = false;
  private guess = 0;
  private jumpWindows = maxJumpWindows;
  private fullRate = 0;
  private fullRounds = 0;
  private grewAtUs = 0;
  private readonly queueWatch: QueueWatch;

  constructor(private readonly rtt: RttEstimator) {
    this.queueWatch = new QueueWatch(rtt);
  }

  /** A first guess at the rate, taken over so long, before there is a measurement; later ones are ignored. */
  onTrain(bytesPerUs: number, overUs: number): void {
    if (this.hasGuessed || bytesPerUs <= 0) return;
    // Below the rate that we begin with anyway it is no help: it tells how slow a process is that has just begun.
    if (bytesPerUs * this.rtt.minUs <= initialWindowBytes) return;
    this.hasGuessed = true;
    this.guess = bytesPerUs;
    if (!this.isShort) {
      this.jumpWindows = Math.min(maxJumpWindows, Math.max(minJumpWindows, overUs / jumpStepUs));
    }
    this.stage = "jumped";
    this.fullRounds = 0;
  }

  /** Probing has found much more: search on from there. */
  again(nowUs: number, bytesPerUs: number): void {
    this.grow(nowUs, bytesPerUs);
    this.hasGuessed = true;
    this.stage = "gentler";
    this.queueWatch.reset();
  }

  paceBytesPerUs(bandwidth: number): number {
    const { minUs } = this.rtt;
    const start = initialWindowBytes / (minUs < Infinity ? minUs : 100_000);
    if (this.stage === "jumped") return Math.max(start, this.guess);
    return Math.max(start, bandwidth * (this.isGentle ? gentle.gain : gain));
  }

  windowBytes(bandwidth: number): number {
    const { minUs } = this.rtt;
    const least = limit.baseSegmentBytes / 1_000;
    const quanta = Math.max(slackUs, shortSlackUs - minUs) * Math.max(bandwidth, least);
    const product = minUs < Infinity ? bandwidth * minUs : 0;
    const window = Math.max(windowGain * product + quanta, initialWindowBytes);
    if (this.stage !== "jumped") return window;
    const jumped = this.guess * minUs * jumpGain + quanta;
    return Math.max(window, Math.min(jumped, this.jumpWindows * initialWindowBytes));
  }

  /** After each batch of arrivals: does a queue stand already? Then the pipe is full, and the queue need not be. */
  isQueued(nowUs: number, queueRttUs: number, bandwidth: number, late: LateRun): boolean {
    if (this.fullRate === 0) return false;
    if (this.queueWatch.stands(nowUs, queueRttUs)) return true;
    const { minUs } = this.rtt;
    if (!isShortPath(minUs) || late.lastsUs(nowUs) <= queueStandsUs) return false;
    return (queueRttUs - minUs) * bandwidth > queueBytes;
  }

  /** After each round: is the pipe full? The rate has stopped growing (draft §4.1.2), or too much is lost. */
  endRound(nowUs: number, rate: number, round: Round): boolean {
    if (this.stage === "jumped") {
      // The round that was measured may still be the one before the jump.
      const isMet = rate >= this.guess * metShare;
      if (!isMet && ++this.fullRounds < metRounds) return false;
      this.grow(nowUs, rate);
      this.stage = isMet ? "gentle" : "blind";
      return false;
    }
    if (rate >= this.fullRate * (this.isGentle ? gentle.growth : growth)) {
      this.grow(nowUs, rate);
      if (this.isGentle) this.stage = this.stage === "gentle" ? "gentler" : "blind";
    } else if (this.isIdle(nowUs, round)) this.fullRounds++;
    const patience = this.isGentle ? gentle.patientRounds : patientRounds;
    return this.fullRounds >= patience || round.loss > tooMuchLoss || this.isOverrun(nowUs, round);
  }

  private isOverrun(nowUs: number, round: Round): boolean {
    if (!this.isShort || this.grewAtUs === nowUs) return false;
    return round.lostBytes > shortLossBytes && round.loss > shortLoss;
  }

  private grow(nowUs: number, rate: number): void {
    this.fullRate = rate;
    this.fullRounds = 0;
    this.grewAtUs = nowUs;
  }

  /** The rate has not grown, and that is not for want of somebody who was kept from running. */
  private isIdle(nowUs: number, round: Round): boolean {
    const sinceUs = nowUs - this.grewAtUs;
    if (!this.isShort) return !round.isPaused || sinceUs > pausedPatience * this.rtt.minUs;
    const { queued, idle } = shortPatienceUs;
    return sinceUs > (round.isQueued ? queued : idle);
  }

  private get isGentle(): boolean {
    return this.stage === "gentle" || this.stage === "gentler";
  }

  private get isShort(): boolean {
    return isShortPath(this.rtt.minUs);
  }
}
