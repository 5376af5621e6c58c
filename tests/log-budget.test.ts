// Which log lines are written: a flood of one kind or from one network hides nothing else, and
// omitted lines are counted.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { logging as limits } from "../src/limits.ts";
import { LogBudget } from "../src/log-budget.ts";

const flooder = "198.51.100.7";

/** Takes `times` lines of one kind at one moment; returns how many were written. */
function flood(
  budget: LogBudget,
  kind: string,
  address: string | undefined,
  times: number,
): number {
  let written = 0;
  for (let i = 0; i < times; i++) if (budget.take(kind, address, 0)) written++;
  return written;
}

/** A separate address for each number. */
function stranger(i: number): string {
  return `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
}

describe("a flood", () => {
  test("from one network hides neither others nor its own lines of another kind", () => {
    const budget = new LogBudget(0);
    expect(flood(budget, "connected", flooder, 100_000)).toBe(limits.networkBurst);
    expect(budget.take("connected", "198.51.100.8", 0)).toBe(true);
    expect(budget.take("logged in", flooder, 0)).toBe(true);
  });

  test("of one kind from everywhere hides no other kind", () => {
    const budget = new LogBudget(0);
    let written = 0;
    for (let i = 0; i < 100_000; i++) if (budget.take("connected", stranger(i), 0)) written++;
    expect(written).toBe(limits.kindBurst);
    expect(budget.take("logged in", stranger(1), 0)).toBe(true);
  });

  test("of every kind from everywhere hides no act of an operator", () => {
    const budget = new LogBudget(0);
    for (let i = 0; i < 100_000; i++) budget.take(`kind ${i % 10}`, stranger(i), 0);
    expect(budget.take("kind 10", stranger(1), 0)).toBe(false);
    expect(budget.take("banned", undefined, 0)).toBe(true);
  });

  test("ends, after which the network's lines are written again, at its rate", () => {
    const budget = new LogBudget(0);
    flood(budget, "connected", flooder, 1_000);
    let written = 0;
    for (let ms = 0; ms < 60_000; ms += 100) {
      if (budget.take("connected", flooder, ms)) written++;
    }
    expect(written).toBeGreaterThan(50 * limits.networkLinesPerSecond);
    expect(written).toBeLessThanOrEqual(60 * limits.networkLinesPerSecond);
  });

  test("of an IPv6 customer counts as one network, whatever its address; loopback has none", () => {
    const budget = new LogBudget(0);
    let written = 0;
    for (let i = 0; i < 10_000; i++) {
      if (budget.take("connected", `2001:db8:1:${i.toString(16)}::1`, 0)) written++;
    }
    expect(written).toBe(limits.networkBurst);
    expect(flood(budget, "connected", "127.0.0.1", 1_000)).toBe(1_000);
    expect(flood(budget, "connected", "::1", 500)).toBe(500);
  });

  test("of made-up kinds is bounded too", () => {
    const budget = new LogBudget(0);
    let written = 0;
    for (let i = 0; i < 100_000; i++) if (budget.take(`problem ${i}`, undefined, 0)) written++;
    expect(written).toBe(limits.burst);
  });
});

describe("omitted lines", () => {
  test("are reported once, by network and kind", () => {
    const budget = new LogBudget(0);
    flood(budget, "connected", flooder, limits.networkBurst + 5);
    flood(budget, "login refused", "2001:db8::1", limits.networkBurst + 7);
    expect(budget.pollLeftOut()).toEqual([
      { kind: "login refused", network: "2001:db8:0::/48", lines: 7 },
      { kind: "connected", network: flooder, lines: 5 },
    ]);
    expect(budget.pollLeftOut()).toEqual([]);
  });

  test("are reported only for the busiest networks, so that the report stays short", () => {
    const budget = new LogBudget(0);
    const networks = 10 * limits.networks;
    for (let i = 0; i < networks; i++) budget.take("connected", stranger(i), 0);
    flood(budget, "connected", flooder, limits.networkBurst + 1_000);
    const report = budget.pollLeftOut();
    expect(report.length).toBeLessThanOrEqual(limits.reportedNetworks + 1);
    expect(report.find(({ network }) => network === flooder)?.lines).toBeGreaterThanOrEqual(1_000);
  });

  test("and written ones add up to all lines, in any mixture", () => {
    const kind = fc.constantFrom("connected", "left", "logged in");
    const address = fc.option(fc.nat(200).map(stranger), { nil: undefined });
    const step = fc.record({ kind, address, times: fc.nat(400), afterMs: fc.nat(2_000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const budget = new LogBudget(0);
        let [nowMs, taken, written] = [0, 0, 0];
        for (const { kind, address, times, afterMs } of steps) {
          nowMs += afterMs;
          taken += times;
          for (let i = 0; i < times; i++) if (budget.take(kind, address, nowMs)) written++;
        }
        const leftOut = budget.pollLeftOut().reduce((sum, { lines }) => sum + lines, 0);
        expect(written + leftOut).toBe(taken);
      }),
      { numRuns: 50 },
    );
  });
});
