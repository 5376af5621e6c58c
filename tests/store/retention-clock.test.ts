// The clock by which stored data ages, with two clocks that a test sets.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { retentionClock } from "../../src/store/retention-clock.ts";

function clocks(startMs: number, systemNowMs = startMs) {
  const time = { steadyMs: 0, systemMs: systemNowMs };
  const clock = retentionClock(
    startMs,
    () => time.steadyMs,
    () => time.systemMs,
  );
  const pass = (ms: number): number => {
    time.steadyMs += ms;
    time.systemMs += ms;
    return clock();
  };
  return { time, pass };
}

test("it runs with real time, whatever the system clock is set to", () => {
  const { time, pass } = clocks(1_000_000);
  expect(pass(500)).toBe(1_000_500);
  time.systemMs -= 900_000;
  expect(pass(500)).toBe(1_001_000);
  time.systemMs += 900_000;
  expect(pass(500)).toBe(1_001_500);
  // It follows a jump forwards at twice the pace of time.
  time.systemMs += 1e12;
  expect(pass(500)).toBe(1_002_500);
  time.systemMs -= 1e12;
  expect(pass(500)).toBe(1_003_000);
});

test("it makes up for a stopped server at twice the pace, and not more", () => {
  const { pass } = clocks(1_000_000, 1_010_000);
  expect(pass(4_000)).toBe(1_008_000);
  expect(pass(6_000)).toBe(1_020_000);
  expect(pass(6_000)).toBe(1_026_000);
});

test("it never goes back, stops, or runs faster than twice", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ passMs: fc.nat(1e6), jumpMs: fc.integer({ min: -1e9, max: 1e9 }) })),
      (steps) => {
        const { time, pass } = clocks(5e9);
        let before = pass(0);
        for (const { passMs, jumpMs } of steps) {
          time.systemMs += jumpMs;
          const now = pass(passMs);
          expect(now - before).toBeGreaterThanOrEqual(passMs);
          expect(now - before).toBeLessThanOrEqual(2 * passMs);
          before = now;
        }
      },
    ),
  );
});
