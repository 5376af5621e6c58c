// When memory is freed after a rush of users: once, and only while the server is idle.

import { expect, test } from "bun:test";
import { count, createMetrics } from "../../src/chat/metrics/metrics.ts";
import { CrowdCollector, tuning } from "../../src/server/crowd-collector.ts";

function rig() {
  const metrics = createMetrics();
  const seen = { cpuMs: 0, collections: 0 };
  const collector = new CrowdCollector({
    metrics,
    cpuMs: () => seen.cpuMs,
    collect: () => seen.collections++,
  });
  const arrive = (people: number): void => {
    count(metrics.connections, "native", people);
    count(metrics.connectionsOpened, "native", people);
  };
  const leave = (people: number): void => count(metrics.connections, "native", -people);
  /**
   * Lets another second pass, in which the process used that much CPU. Returns the collections so
   * far.
   */
  const second = (usedMs: number): number => {
    seen.cpuMs += usedMs;
    collector.check();
    return seen.collections;
  };
  return { arrive, leave, second };
}

test("after many users have joined, memory is collected once, in the first quiet second", () => {
  const { arrive, second } = rig();
  arrive(tuning.crowd);
  expect(second(900)).toBe(0);
  expect(second(tuning.quietCpuMs + 1)).toBe(0);
  expect(second(tuning.quietCpuMs)).toBe(1);
  expect(second(0)).toBe(1);
});

test("also after many users have left, but not after a few", () => {
  const { arrive, leave, second } = rig();
  arrive(tuning.crowd);
  second(0);
  leave(tuning.crowd - 1);
  expect(second(0)).toBe(1);
  leave(1);
  expect(second(0)).toBe(2);
});

test("continuous joins and parts count as a rush", () => {
  const { arrive, leave, second } = rig();
  for (let i = 0; i < tuning.crowd / 2; i++) {
    arrive(1);
    leave(1);
  }
  expect(second(0)).toBe(1);
});
