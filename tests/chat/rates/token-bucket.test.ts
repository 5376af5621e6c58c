// Token buckets, with time as a parameter.

import { expect, test } from "bun:test";
import { TokenBucket } from "../../../src/chat/rates/token-bucket.ts";
import { seeded } from "../../sim/random.ts";

test("starts full, goes into debt by one purchase, and says how long to wait", () => {
  const bucket = new TokenBucket(10, 20, 0);
  expect(bucket.take(19, 0)).toBe(true);
  expect(bucket.take(11, 0)).toBe(true);
  expect(bucket.take(1, 0)).toBe(false);
  const waitMs = bucket.waitMs(0);
  expect(waitMs).toBe(1_100);
  expect(bucket.take(1, waitMs - 1)).toBe(false);
  expect(bucket.take(1, waitMs)).toBe(true);
});

test("taking succeeds after the returned wait", () => {
  const random = seeded(7);
  let nowMs = 0;
  for (let i = 0; i < 2_000; i++) {
    const bucket = new TokenBucket(1 + random() * 1e6, 1 + random() * 1e6, nowMs);
    while (bucket.take(random() * 2e6, nowMs));
    nowMs += bucket.waitMs(nowMs);
    expect(bucket.take(1, nowMs)).toBe(true);
  }
});

test("never gives more than burst, rate and one purchase together", () => {
  const bucket = new TokenBucket(100, 50, 0);
  const random = seeded(3);
  let spent = 0;
  for (let nowMs = 0; nowMs <= 10_000; nowMs += random() * 3) {
    if (bucket.take(7, nowMs)) spent += 7;
  }
  expect(spent).toBeLessThanOrEqual(50 + 1_000 + 7);
  expect(spent).toBeGreaterThanOrEqual(1_000);
});

test("a burst of single units is never longer than documented, however slowly they are taken", () => {
  for (const burst of [0.5, 1, 3, 20]) {
    const bucket = new TokenBucket(10, burst, 0);
    let taken = 0;
    // In less time than one unit takes to be refilled.
    for (let nowMs = 0; nowMs < 50; nowMs += 0.5) if (bucket.take(1, nowMs)) taken++;
    expect(taken).toBe(Math.ceil(burst));
    expect(bucket.take(1, 200)).toBe(true);
  }
});

test("keeps at most the burst, and loses nothing when the clock goes back", () => {
  const bucket = new TokenBucket(10, 5, 1_000);
  expect(bucket.take(5, 1_000_000)).toBe(true);
  expect(bucket.take(1, 1_000_000)).toBe(false);
  expect(bucket.take(1, 0)).toBe(false);
  expect(bucket.waitMs(0)).toBeGreaterThan(0);
  expect(bucket.take(1, 1_000_200)).toBe(true);
});
