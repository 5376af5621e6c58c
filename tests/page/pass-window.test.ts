// The data that a page has in flight: bounded, less on a slow path, shared by all its channels, and
// never stopped without a ping that will be answered.

import { expect, test } from "bun:test";
import { array, assert, boolean, integer, property, record } from "fast-check";
import { offers, pageFiles as limits, reading } from "../../src/limits.ts";
import { PassBudget } from "../../src/page/handover/pass-window.ts";

test("whatever is sent and however late pongs arrive, it is never stuck and never beyond the bounds", () => {
  const step = record({
    chars: integer({ min: 1, max: offers.maxFrameChars }),
    pongs: integer({ min: 0, max: 3 }),
    lateMs: integer({ min: 0, max: 5_000 }),
    opens: boolean(),
  });
  assert(
    property(array(step, { maxLength: 200 }), (steps) => {
      const budget = new PassBudget();
      const window = budget.open();
      let nowMs = 0;
      let open = 0;
      let most = 0;
      let onWay = 0;
      const sent: number[] = [];
      let since = 0;
      for (const { chars, pongs, lateMs, opens } of steps) {
        if (opens) budget.open();
        if (window.hasRoom) {
          window.handleSent(chars);
          since += chars;
          onWay += chars;
          most = Math.max(most, onWay);
        }
        const poll = () => {
          if (!window.pollPing(nowMs)) return;
          open++;
          sent.push(since);
          since = 0;
        };
        poll();
        expect(window.hasRoom || open > 0).toBe(true);
        nowMs += lateMs;
        for (let i = 0; i < pongs && open > 0; i++) {
          window.handlePong(nowMs);
          open--;
          onWay -= sent.shift() ?? 0;
          poll();
          expect(window.hasRoom || open > 0).toBe(true);
        }
      }
      expect(most).toBeLessThanOrEqual(limits.maxPassChars + offers.maxFrameChars);
      expect(most).toBeLessThan(reading.maxUnreadBytes);
    }),
    { numRuns: 300 },
  );
});

/** Sends as much as fits; each ping is answered after that time. Returns the maximum in flight. */
function run(delayMs: number, turns: number, channels: number): number {
  const budget = new PassBudget();
  const window = budget.open();
  for (let i = 1; i < channels; i++) budget.open();
  let most = 0;
  for (let turn = 0; turn < turns; turn++) {
    let chars = 0;
    let pings = 0;
    while (window.hasRoom) {
      window.handleSent(43_800);
      chars += 43_800;
      if (window.pollPing(turn * delayMs)) pings++;
    }
    most = chars;
    for (; pings > 0; pings--) {
      window.handlePong((turn + 1) * delayMs);
      if (window.pollPing((turn + 1) * delayMs)) pings++;
    }
  }
  return most;
}

test("the window grows on a fast path, shrinks on a slow one, and channels share it", () => {
  expect(run(20, 20, 1)).toBeGreaterThan(limits.maxPassChars / 2);
  expect(run(3_000, 20, 1)).toBeLessThan(limits.firstPassChars);
  expect(run(20, 20, 8)).toBeLessThan(limits.maxPassChars / 4);
});

test("an end that sends requests and never reads is noticed", () => {
  const window = new PassBudget().open();
  for (let i = 0; i < 40; i++) window.handleSent(offers.maxFrameChars / 2);
  expect(window.isOverrun).toBe(true);
  const patient = new PassBudget().open();
  while (patient.hasRoom) patient.handleSent(43_800);
  expect(patient.isOverrun).toBe(false);
});
