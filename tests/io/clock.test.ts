// Timestamps, with a steady clock and a system clock that the test sets.

import { expect, test } from "bun:test";
import { stampClock, stampMs, steadyMs } from "../../src/io/clock.ts";

const dayMs = 86_400_000;

test("timestamps follow the steady clock, and the system clock when it is set forwards or back", () => {
  let nowMs = 1_700_000_000_000;
  let systemMs = nowMs;
  const stamp = stampClock(() => systemMs);
  const pass = (ms: number): number => {
    nowMs += ms;
    systemMs += ms;
    return stamp(nowMs) - nowMs;
  };
  expect(pass(0)).toBe(0);
  // A small correction has no effect.
  systemMs += 900;
  expect(pass(100)).toBe(0);
  systemMs -= 1_800;
  expect(pass(100)).toBe(0);
  systemMs += 900;
  // 40 days ahead for 15 s, then correct again.
  systemMs += 40 * dayMs;
  expect(pass(100)).toBe(40 * dayMs);
  expect(pass(15_000)).toBe(40 * dayMs);
  systemMs -= 40 * dayMs;
  expect(pass(100)).toBe(0);
  // An hour of sleep that the steady clock has not noticed.
  systemMs += 3_600_000;
  expect(pass(100)).toBe(3_600_000);
  // It checks now and then, not each time.
  systemMs -= 3_600_000;
  expect(pass(1)).toBe(3_600_000);
  expect(pass(99)).toBe(0);
});

test("both return the current time in whole milliseconds", () => {
  const nowMs = steadyMs();
  expect(Number.isInteger(nowMs)).toBe(true);
  expect(Math.abs(Date.now() - stampMs(nowMs))).toBeLessThan(1_100);
});
