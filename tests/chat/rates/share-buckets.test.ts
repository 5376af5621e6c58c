// Token buckets per owner of a share, with the rates of HTTP requests.

import { expect, test } from "bun:test";
import { ownerAt } from "../../../src/share-owner.ts";
import { ShareBuckets } from "../../../src/chat/rates/share-buckets.ts";
import { web as limits } from "../../../src/limits.ts";

const newRates = (): ShareBuckets =>
  new ShareBuckets(
    { perSecond: limits.requestsPerSecond, burst: limits.requestBurst },
    limits.requestNetworks,
  );

/** How many of `tries` simultaneous requests are answered. */
function allowedOf(rates: ShareBuckets, tries: number, address: string, nowMs = 0): number {
  return Array.from({ length: tries }, () => rates.take(ownerAt(address), nowMs)).filter(
    (ms) => ms === 0,
  ).length;
}

test("an address may make a burst of requests, then a limited number per second", () => {
  const rates = newRates();
  expect(allowedOf(rates, 10_000, "192.0.2.1")).toBe(limits.requestBurst);
  expect(rates.take(ownerAt("192.0.2.1"), 0)).toBeGreaterThan(0);
  expect(allowedOf(rates, 10_000, "192.0.2.1", 1_000)).toBe(limits.requestsPerSecond);
  expect(rates.take(ownerAt("192.0.2.2"), 1_000)).toBe(0);
});

test("a more expensive request leaves less", () => {
  const rates = newRates();
  for (let i = 0; i < limits.requestBurst / limits.listRequests; i++) {
    expect(rates.take(ownerAt("192.0.2.1"), 0, limits.listRequests)).toBe(0);
  }
  expect(rates.take(ownerAt("192.0.2.1"), 0)).toBeGreaterThan(0);
});

test("the reported wait is long enough", () => {
  const rates = newRates();
  allowedOf(rates, 10_000, "192.0.2.1");
  const waitMs = rates.take(ownerAt("192.0.2.1"), 0);
  expect(rates.take(ownerAt("192.0.2.1"), waitMs)).toBe(0);
});

test("a /64 of IPv6 counts as one address, and a /48 as eight", () => {
  const rates = newRates();
  expect(allowedOf(rates, 10_000, "2001:db8::1")).toBe(limits.requestBurst);
  expect(rates.take(ownerAt("2001:db8::2"), 0)).toBeGreaterThan(0);
  let allowed: number = limits.requestBurst;
  for (let subnet = 1; subnet < 1_024; subnet++) {
    allowed += allowedOf(rates, 50, `2001:db8:0:${subnet.toString(16)}::1`);
  }
  expect(allowed).toBe(8 * limits.requestBurst);
});

test("loopback is exempt, and the table is bounded", () => {
  const rates = newRates();
  expect(allowedOf(rates, 10_000, "127.0.0.1")).toBe(10_000);
  expect(allowedOf(rates, 10_000, "::1")).toBe(10_000);
  for (let i = 0; i < 3 * limits.requestNetworks; i++) {
    rates.take(ownerAt(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`), 0);
  }
  expect(rates.size).toBe(limits.requestNetworks);
});

test("each subject has its own buckets", () => {
  const rates = newRates();
  while (rates.take(ownerAt("192.0.2.1"), 0, 1, "ann") === 0);
  expect(rates.take(ownerAt("192.0.2.1"), 0, 1, "ben")).toBe(0);
  expect(rates.take(ownerAt("192.0.2.1"), 0)).toBe(0);
});

test("an address with continuous requests is not evicted by others", () => {
  const rates = newRates();
  let taken = 0;
  for (let i = 0; i < 3 * limits.requestNetworks; i++) {
    rates.take(ownerAt(`192.0.${i >> 8}.${i & 255}`), 0);
    if (rates.take(ownerAt("198.51.100.1"), 0) === 0) taken++;
  }
  expect(taken).toBe(limits.requestBurst);
});

test("what is refused makes nobody else's use forgotten", () => {
  const rates = newRates();
  const own = ownerAt("192.0.2.1");
  while (rates.take(own, 0) === 0);
  // A customer with a whole /48 has far more networks than are remembered.
  for (let subnet = 0; subnet < 3 * limits.requestNetworks; subnet++) {
    const owner = ownerAt(`2001:db8:0:${subnet.toString(16)}::1`);
    if (rates.waitMs(owner, 0) === 0) rates.take(owner, 0);
    rates.take(owner, 0);
  }
  expect(rates.take(own, 0)).toBeGreaterThan(0);
});
