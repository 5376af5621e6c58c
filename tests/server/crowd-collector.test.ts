// When memory is given back after a crowd: once, and only while nothing else is to be done.

import { expect, test } from "bun:test";
import { count, createMetrics } from "../../src/chat/metrics.ts";
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
  /** Another second, in which the process used that much CPU. Returns the collections so far. */
  const second = (usedMs: number): number => {
    seen.cpuMs += usedMs;
    collector.check();
    return seen.collections;
  };
  return { arrive, leave, second };
}

test("a crowd that has come is collected once, in the first quiet second", () => {
  const { arrive, second } = rig();
  arrive(tuning.crowd);
  expect(second(900)).toBe(0);
  expect(second(tuning.quietCpuMs + 1)).toBe(0);
  expect(second(tuning.quietCpuMs)).toBe(1);
  expect(second(0)).toBe(1);
});

test("a crowd that has gone is collected too, and few people are not", () => {
  const { arrive, leave, second } = rig();
  arrive(tuning.crowd);
  second(0);
  leave(tuning.crowd - 1);
  expect(second(0)).toBe(1);
  leave(1);
  expect(second(0)).toBe(2);
});

test("coming and going without end counts as a crowd", () => {
  const { arrive, leave, second } = rig();
  for (let i = 0; i < tuning.crowd / 2; i++) {
    arrive(1);
    leave(1);
  }
  expect(second(0)).toBe(1);
});
