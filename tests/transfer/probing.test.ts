// The parts of congestion control that distinguish a full path from a descheduled process.

import { describe, expect, test } from "bun:test";
import { SentSegments } from "../../src/transfer/sent-segments.ts";
import { ProbeBwCycle } from "../../src/transfer/congestion/probe-bw.ts";
import { LateStreak } from "../../src/transfer/congestion/queue-delay.ts";
import { RttEstimator } from "../../src/transfer/congestion/rtt.ts";
import { initialWindowBytes, type Round, Startup } from "../../src/transfer/congestion/startup.ts";

function pathOf(rttUs: number): RttEstimator {
  const rtt = new RttEstimator();
  rtt.update(0, rttUs, rttUs);
  return rtt;
}

const quiet: Round = { loss: 0, lostBytes: 0, isQueued: false, isPaused: false };

describe("startup", () => {
  test("on a short path a rate that does not grow is not a full pipe for 0.2 s, unless a queue stands", () => {
    const idle = new Startup(pathOf(2_000));
    const queued = new Startup(pathOf(2_000));
    let idleUs = 0;
    let queuedUs = 0;
    for (let us = 2_000; us < 400_000; us += 2_000) {
      if (idle.endRound(us, 15, quiet) && idleUs === 0) idleUs = us;
      if (queued.endRound(us, 15, { ...quiet, isQueued: true }) && queuedUs === 0) queuedUs = us;
    }
    expect(idleUs).toBeGreaterThan(200_000);
    expect(idleUs).toBeLessThan(220_000);
    expect(queuedUs).toBeGreaterThan(50_000);
    expect(queuedUs).toBeLessThan(70_000);
  });

  test("on a long path three rounds without growth are enough; with pauses it takes longer, but ends", () => {
    const rounds = (round: Round): number => {
      const startup = new Startup(pathOf(50_000));
      startup.endRound(50_000, 5, quiet);
      let count = 1;
      while (!startup.endRound(50_000 + count * 50_000, 5, round)) count++;
      return count;
    };
    expect(rounds(quiet)).toBe(3);
    expect(rounds({ ...quiet, isPaused: true })).toBe(6);
  });

  test("on a short path loss ends it, unless only a few segments are lost", () => {
    const startup = new Startup(pathOf(2_000));
    startup.endRound(2_000, 50, quiet);
    const handful = { ...quiet, loss: 0.1, lostBytes: 10_000 };
    expect(startup.endRound(4_000, 50, handful)).toBe(false);
    expect(startup.endRound(6_000, 50, { ...handful, lostBytes: 20_000 })).toBe(true);
  });

  test("a standing queue the size of a real buffer ends it immediately", () => {
    const startup = new Startup(pathOf(2_000));
    startup.endRound(2_000, 100, quiet);
    const streak = new LateStreak();
    const looks: boolean[] = [];
    for (let us = 3_000; us <= 6_000; us += 500) {
      const rttUs = us < 4_000 ? 2_100 : 2_900;
      streak.add(us, rttUs, 2_000);
      looks.push(startup.isQueued(us, rttUs, 100, streak));
    }
    expect(looks).toEqual([false, false, false, false, true, true, true]);
    // At a low rate the same delay is a few kilobytes: a process was late.
    expect(startup.isQueued(6_000, 2_900, 10, streak)).toBe(false);
  });

  test("jumps to an estimate immediately, then probes gently for more", () => {
    const startup = new Startup(pathOf(50_000));
    const first = startup.paceBytesPerUs(0);
    expect(first).toBeCloseTo(initialWindowBytes / 50_000, 5);
    startup.onPacketTrain(first / 2, 3_000);
    expect(startup.paceBytesPerUs(0)).toBe(first);
    startup.onPacketTrain(12, 3_000);
    startup.onPacketTrain(40, 3_000);
    expect(startup.paceBytesPerUs(0)).toBe(12);
    expect(startup.windowBytes(0)).toBeGreaterThan(12 * 50_000);
    startup.endRound(100_000, 11.9, quiet);
    expect(startup.paceBytesPerUs(11.9)).toBeCloseTo(11.9 * 1.5, 5);
    expect(startup.endRound(150_000, 12, quiet)).toBe(false);
    expect(startup.endRound(200_000, 12, quiet)).toBe(true);
  });
});

/** The length of each cruise while probing finds `found` times the known rate. */
function cruises(rttUs: number, found: number): number[] {
  const cycle = new ProbeBwCycle(pathOf(rttUs));
  const streak = new LateStreak();
  const lasted: number[] = [];
  let sinceUs = 0;
  cycle.start(0);
  for (let us = 500; lasted.length < 6; us += 500) {
    const was = cycle.isCruising;
    cycle.advance(us, cycle.isCruising ? 100 : 100 * found, 1e9, 1, false, streak);
    if (was && !cycle.isCruising) lasted.push((us - sinceUs) / 1_000);
    if (!was && cycle.isCruising) sinceUs = us;
  }
  return lasted;
}

test("an estimate from a very short train is given little weight, and is discarded if not confirmed", () => {
  const startup = new Startup(pathOf(50_000));
  startup.onPacketTrain(120, 250);
  expect(startup.windowBytes(0)).toBeLessThanOrEqual(4 * initialWindowBytes);
  expect(startup.endRound(100_000, 6, quiet)).toBe(false);
  expect(startup.endRound(150_000, 7, quiet)).toBe(false);
  expect(startup.paceBytesPerUs(7)).toBeCloseTo(7 * 2.4, 5);
});

describe("probing", () => {
  test("without success, a short path is probed less and less often; a long one keeps its interval", () => {
    expect(cruises(2_000, 1)).toEqual([30, 60, 120, 240, 240, 240]);
    expect(cruises(2_000, 1.1)).toEqual([30, 30, 30, 30, 30, 30]);
    expect(new Set(cruises(50_000, 1))).toEqual(new Set([300]));
  });

  test("ends on a short path as soon as there is a standing queue, and notices much higher rates", () => {
    const cycle = new ProbeBwCycle(pathOf(2_000));
    const streak = new LateStreak();
    cycle.start(0);
    let us = 0;
    while (!cycle.isProbing) cycle.advance((us += 500), 100, 1e9, 1, false, streak);
    const fromUs = us;
    while (cycle.isProbing) {
      us += 250;
      streak.add(us, us < fromUs + 3_000 ? 2_000 : 2_700, 2_000);
      cycle.advance(us, 100, 1e9, 1, false, streak);
    }
    expect(us - fromUs).toBeGreaterThanOrEqual(3_250);
    expect(us - fromUs).toBeLessThanOrEqual(4_000);
    expect(cycle.advance(us + 2_000, 113, 1e9, 1, false, streak)).toBe("refill");
  });
});

test("a pause without arrivals is not a queue", () => {
  const segments = new SentSegments(64);
  segments.pauseThresholdUs = 700;
  for (let i = 0; i < 4; i++) segments.onRequested(i * 1_000, 1_000, 0, false, 1_000);
  const arrive = (atUs: number, seq: number): number => {
    segments.onReceived(seq, seq * 1_000, 1_000, atUs - 1_000, atUs);
    return segments.pausedSinceRequestUs;
  };
  // Requested at 1.0 ms; the first takes 2 ms, as always.
  expect(arrive(3_000, 0)).toBe(2_000);
  expect(arrive(3_100, 1)).toBe(2_000);
  // Then nothing for 4 ms.
  expect(arrive(7_100, 2)).toBe(6_000);
  expect(segments.gapUs).toBe(4_000);
  // A request made after the pause does not count it.
  const seq = segments.onRequested(9_000, 1_000, 0, false, 7_200);
  segments.onReceived(seq, 9_000, 1_000, 7_300, 7_700);
  expect(segments.pausedSinceRequestUs).toBe(0);
});
