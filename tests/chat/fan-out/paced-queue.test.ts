// Output for unframed clients: one message per write, a gap between two, joined when many wait.

import { expect, test } from "bun:test";
import { PacedQueue } from "../../../src/chat/fan-out/paced-queue.ts";
import { output } from "../../../src/limits.ts";
import { seeded } from "../../sim/random.ts";

const { unframedGapMs: gapMs, unframedWaiting: places } = output;

test("the first message is sent immediately, each later one after a gap", () => {
  const queue = new PacedQueue();
  expect([queue.empty, queue.take(0)]).toEqual([true, undefined]);
  queue.push("a");
  queue.push("b");
  expect(queue.take(5)).toBe("a");
  expect(queue.take(6)).toBeUndefined();
  expect(queue.take(6 + gapMs - 1)).toBeUndefined();
  expect(queue.take(6 + gapMs)).toBe("b");
  expect([queue.empty, queue.chars]).toEqual([true, 0]);
});

test("the gap begins after the turn that has sent, however long that took", () => {
  const queue = new PacedQueue();
  queue.push("a");
  expect(queue.take(0)).toBe("a");
  expect([queue.empty, queue.settled]).toEqual([true, false]);
  queue.push("b");
  expect(queue.take(0)).toBeUndefined();
  // The turn that began at 0 is over.
  const nextMs = 3 * gapMs;
  expect(queue.take(nextMs)).toBeUndefined();
  expect(queue.take(nextMs + gapMs)).toBe("b");
  expect(queue.take(nextMs + gapMs + 1)).toBeUndefined();
  expect(queue.settled).toBe(true);
});

test("beyond its capacity messages are joined by single line ends", () => {
  const queue = new PacedQueue();
  for (let i = 1; i < places; i++) queue.push(String(i));
  for (const text of ["x", "y\n", "z"]) queue.push(text);
  // Each send needs two turns: the one that sends, and one that begins the gap.
  for (let i = 2; i < 2 * places; i++) queue.take(i * gapMs);
  expect(queue.take(2 * places * gapMs)).toBe("x\ny\nz");
  expect(queue.chars).toBe(0);
});

test("a user list is not joined with other messages: the newest one follows them", () => {
  const queue = new PacedQueue();
  queue.push("early list", true);
  for (let i = 2; i < places; i++) queue.push(String(i));
  queue.push("old list", true);
  for (const text of ["x", "y", "z"]) {
    queue.push(text);
    queue.push(`list after ${text}`, true);
  }
  const taken: string[] = [];
  for (let nowMs = 0; !queue.settled; nowMs += gapMs) {
    const text = queue.take(nowMs);
    if (text !== undefined) taken.push(text);
  }
  expect([taken.length, queue.chars]).toEqual([places + 1, 0]);
  expect([taken[0], ...taken.slice(-2)]).toEqual(["early list", "x\ny\nz", "list after z"]);
  for (let i = 0; i < places; i++) queue.push("a");
  queue.push("list", true);
  expect(queue.takeAll((text) => `${text}|`)).toEndWith("a|list|");
  expect([queue.empty, queue.chars]).toEqual([true, 0]);
});

test("keeps order, loses nothing and counts right, at random", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = seeded(seed);
    const queue = new PacedQueue();
    const pushed: string[] = [];
    const taken: string[] = [];
    let nowMs = 0;
    for (let i = 0; i < 300; i++) {
      for (let n = Math.floor(random() * 4); n > 0; n--) {
        const text = `${seed}.${pushed.length}`;
        pushed.push(text);
        queue.push(text);
      }
      nowMs += random() * gapMs * 2;
      const text = queue.take(nowMs);
      if (text !== undefined) taken.push(text);
      const waiting = pushed.slice(taken.join("\n").split("\n").filter(Boolean).length);
      expect(queue.chars).toBe(waiting.join("").length);
    }
    const rest = queue.takeAll((line) => `${line}\n`);
    expect(`${taken.join("\n")}\n${rest}`.trim().split("\n")).toEqual(pushed);
    expect([queue.empty, queue.chars]).toEqual([true, 0]);
  }
});
