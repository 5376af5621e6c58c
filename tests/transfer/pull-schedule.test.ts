// What is requested over the control connection, and when.

import { expect, test } from "bun:test";
import { transfer as limits } from "../../src/limits.ts";
import { PullSchedule } from "../../src/transfer/pull-schedule.ts";

const most = limits.maxPulls * limits.maxPullBytes;
const rate = 100_000_000;

/** A schedule that has requested all it can at this rate, and the time. */
function exhausted(horizon = Infinity): { schedule: PullSchedule; nowMs: number } {
  const schedule = new PullSchedule([[0, 10 * most]], rate);
  schedule.setHorizon(horizon);
  let nowMs = 0;
  for (let waits = 0; waits < 100; waits++) {
    while (schedule.pollRequest(nowMs) !== undefined);
    nowMs += 100;
  }
  return { schedule, nowMs };
}

test("while requests wait for their answers, time alone changes nothing", () => {
  const { schedule, nowMs } = exhausted();
  expect(schedule.nextTimeoutMs(nowMs)).toBe(Infinity);
  schedule.handleData(0, limits.maxPullBytes, () => {});
  expect(schedule.nextTimeoutMs(nowMs)).toBeLessThan(Infinity);
  expect(schedule.pollRequest(nowMs)).toMatchObject({ offset: most });
});

test("while a slow reader is waited for, neither", () => {
  const { schedule, nowMs } = exhausted(limits.maxPullBytes);
  schedule.handleData(0, limits.maxPullBytes, () => {});
  expect(schedule.nextTimeoutMs(nowMs)).toBe(Infinity);
  schedule.setHorizon(most);
  expect(schedule.nextTimeoutMs(nowMs)).toBeLessThan(Infinity);
});
