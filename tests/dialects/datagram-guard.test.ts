// Which senders of datagrams get answers, and how often.

import { expect, test } from "bun:test";
import { DatagramGuard } from "../../src/dialects/datagram-guard.ts";
import { datagramDialects as limits } from "../../src/limits.ts";

test("datagrams from a service's port get no answer", () => {
  const guard = new DatagramGuard();
  for (const port of [0, 7, 13, 17, 19, 37, 53, 123, 1_023]) {
    expect([port, guard.admits("192.0.2.1", port, 0)]).toEqual([port, false]);
  }
  expect(guard.admits("192.0.2.1", 1_024, 0)).toBe(true);
});

test("one source has a burst and a rate, and others are not affected", () => {
  const guard = new DatagramGuard();
  const answered = (port: number, nowMs: number) => guard.admits("127.0.0.1", port, nowMs);
  for (let i = 0; i < limits.sourceBurst; i++) expect(answered(40_000, 0)).toBe(true);
  expect(answered(40_000, 0)).toBe(false);
  expect(answered(40_001, 0)).toBe(true);
  let later = 0;
  for (let nowMs = 0; nowMs < 10_000; nowMs++) if (answered(40_000, nowMs)) later++;
  expect(later).toBeLessThanOrEqual(10 * limits.sourcePerSecond + 1);
});

test("a network has one bound for all its ports and addresses, loopback has none", () => {
  const guard = new DatagramGuard();
  const count = (address: (i: number) => string) => {
    let admitted = 0;
    for (let i = 0; i < 2_000; i++) if (guard.admits(address(i), 2_000 + i, 0)) admitted++;
    return admitted;
  };
  expect(count(() => "192.0.2.1")).toBe(limits.networkBurst);
  expect(count((i) => `2001:db8::${i.toString(16)}`)).toBe(limits.networkBurst);
  expect(count(() => "127.0.0.1")).toBe(2_000);
});
