// Which messages are new: none is accepted twice, however much is forgotten, and the text form
// gives the same result.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { sealed as limits } from "../../src/limits.ts";
import { SeenMessages } from "../../src/trust/seen-messages.ts";

const keyOf = (n: number) => {
  const bytes = Buffer.alloc(32);
  bytes.writeUInt32BE(n);
  return bytes.toString("base64url");
};
const idOf = (n: number) => {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32BE(n);
  return bytes.toString("base64url");
};

test("a message is fresh once, and never if it is older than everything remembered", () => {
  const seen = new SeenMessages();
  expect(seen.check(keyOf(1), idOf(1), 10)).toBe("fresh");
  seen.add(keyOf(1), idOf(1), 10, 10);
  expect(seen.check(keyOf(1), idOf(1), 10)).toBe("repeated");
  // Another ID or another sender is another message; out of order is fine.
  expect(seen.check(keyOf(1), idOf(2), 9)).toBe("fresh");
  expect(seen.check(keyOf(2), idOf(1), 10)).toBe("fresh");
  for (let n = 100; n < 100 + limits.maxRemembered; n++) {
    seen.add(keyOf(1), idOf(n), n, n);
  }
  expect(seen.check(keyOf(1), idOf(1), 10)).toBe("old");
  expect(seen.check(keyOf(1), idOf(3), 11)).toBe("fresh");
});

test("no message is accepted twice, in any order, across any restart", () => {
  const step = fc.record({
    sender: fc.nat(limits.maxSenders + 20),
    id: fc.nat(300),
    timeMs: fc.nat(500),
    restart: fc.integer({ min: 0, max: 30 }).map((n) => n === 0),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 800 }), (steps) => {
      let seen = new SeenMessages();
      const taken = new Set<string>();
      for (const { sender, id, timeMs, restart } of steps) {
        if (restart) seen = SeenMessages.parse(seen.toString(), 500);
        // The time is sealed with the ID: an attacker can only repeat both.
        const [key, name] = [keyOf(sender), idOf(id * 1_000 + timeMs)];
        if (seen.check(key, name, timeMs) !== "fresh") continue;
        expect(taken.has(`${key} ${name}`)).toBe(false);
        taken.add(`${key} ${name}`);
        seen.add(key, name, timeMs, 500);
      }
    }),
    { numRuns: 100 },
  );
});

test("a clock that was ahead for a while makes no later messages old", () => {
  const seen = new SeenMessages();
  const aheadMs = 40 * 86_400_000;
  const ahead = limits.maxRemembered / 2;
  for (let n = 0; n < ahead; n++) seen.add(keyOf(1), idOf(n), aheadMs + n, n);
  for (let n = ahead; n < 5 * limits.maxRemembered; n++) {
    expect(seen.check(keyOf(1), idOf(n), n)).toBe("fresh");
    seen.add(keyOf(1), idOf(n), n, n);
  }
  for (let n = 0; n < 5 * limits.maxRemembered; n++) {
    expect(seen.check(keyOf(1), idOf(n), n < ahead ? aheadMs + n : n)).not.toBe("fresh");
  }
});

test("strangers whose messages are dated in the future keep nobody out", () => {
  const seen = new SeenMessages();
  const nowMs = 1_790_000_000_000;
  for (let n = 0; n < 3 * limits.maxSenders; n++) {
    seen.add(keyOf(n), idOf(n), Number.MAX_SAFE_INTEGER, nowMs);
  }
  const restarted = SeenMessages.parse(seen.toString(), nowMs);
  for (const one of [seen, restarted]) {
    expect(one.check(keyOf(9_999), idOf(1), nowMs + 1)).toBe("fresh");
    expect(one.check(keyOf(9_999), idOf(1), nowMs - 1)).toBe("old");
  }
});

test("its text is bounded, and survives damaged lines", () => {
  const seen = new SeenMessages();
  for (let sender = 0; sender < limits.maxSenders + 50; sender++) {
    for (let n = 0; n < limits.maxRemembered + 5; n++) {
      const timeMs = 1_790_000_000_000 + sender * 1_000 + n;
      seen.add(keyOf(sender), idOf(sender * 1_000 + n), timeMs, timeMs);
    }
  }
  const text = seen.toString();
  expect(text.length).toBeLessThan(limits.maxSeenBytes);
  expect(SeenMessages.parse(text, 0).toString()).toBe(text);
  // The first sender is forgotten, but not the time of its messages.
  expect(seen.check(keyOf(0), idOf(3), 1_790_000_000_003)).toBe("old");
  const last = limits.maxSenders + 49;
  expect(seen.check(keyOf(last), idOf(last * 1_000 + 68), 1_790_000_000_000)).toBe("repeated");
  const spoiled = `x\n${keyOf(1)} y ${idOf(1)}:5\n${keyOf(2)} -1 ${idOf(2)}:7 junk:1 ${idOf(3)}:x\n`;
  const parsed = SeenMessages.parse(spoiled, 0);
  expect(parsed.check(keyOf(2), idOf(2), 7)).toBe("repeated");
  expect(parsed.check(keyOf(2), idOf(3), 8)).toBe("fresh");
});
