// What a command costs its sender.

import { expect, test } from "bun:test";
import { CommandQueue } from "../../../src/chat/rates/command-queue.ts";
import type { Command } from "../../../src/chat/events.ts";
import { message } from "../../../src/limits.ts";

const rates = { messagesPerSecond: 1e6, bytesPerSecond: 1_000 };

/** How long the sender of that command has to wait before the next one. */
function costMs(command: Command, readChars: number): number {
  const queue = new CommandQueue([]);
  expect(queue.spend(command, rates, 0, readChars)).toBe(true);
  return queue.waitMs(0);
}

const say = (text: string): Command => ({ type: "say", text });
const tell = (people: number, text: string): Command => ({
  type: "tell",
  to: Array.from({ length: people }, (_, i) => `p${i}`),
  text,
});

test("a message to several people costs as much as one to each of them", () => {
  const text = "x".repeat(10_000);
  const once = costMs(say(text), text.length);
  expect(once).toBeGreaterThan(0);
  expect(costMs(tell(1, text), text.length)).toBe(once);
  expect(costMs(tell(7, text), text.length)).toBe(costMs(say(text.repeat(7)), 7 * text.length));
  const most = message.maxRecipients;
  expect(costMs(tell(most + 9, text), text.length)).toBe(costMs(tell(most, text), text.length));
});

test("a line costs at least what was read of it", () => {
  const long = costMs(say("x".repeat(20_000)), 20_000);
  expect(costMs(say("x"), 20_000)).toBe(long);
  expect(costMs({ type: "ping" }, 20_000)).toBe(long);
});
