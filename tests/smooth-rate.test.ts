// The smoothed rate of a transfer.

import { expect, test } from "bun:test";
import { SmoothRate } from "../src/smooth-rate.ts";

test("a steady rate is itself, however often it is asked for", () => {
  const rate = new SmoothRate();
  expect(rate.at(500, 1_000)).toBe(0);
  expect(rate.secondsFor(1)).toBeNull();
  for (let ms = 1_010; ms < 5_000; ms += 10) rate.at(500 + 2 * (ms - 1_000), ms);
  expect(rate.at(8_500, 5_000)).toBe(2_000);
  expect(rate.secondsFor(500)).toBe(0.3);
});

test("a change shows within about a second, and a pause not at all", () => {
  const rate = new SmoothRate();
  rate.at(0, 0);
  expect(rate.at(1_000, 1_000)).toBe(1_000);
  expect(rate.at(2_000, 1_500)).toBe(1_500);
  rate.resume(3_601_500);
  expect(rate.at(3_500, 3_602_500)).toBe(1_500);
  expect(rate.at(3_000, 3_603_500)).toBe(0);
});
