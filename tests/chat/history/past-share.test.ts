// How much of a room's history one network can push out, and that nobody else is slowed down by the
// limit.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { ownerAt } from "../../../src/share-owner.ts";
import { PastShare } from "../../../src/chat/history/past-share.ts";
import { ratesFor } from "../../../src/chat/rates/rate-budget.ts";
import { history, sender } from "../../../src/limits.ts";
import { type Client, Rig } from "../rig.ts";

const size = { messages: 1_000, bytes: 1_000_000 };
const minuteMs = 60_000;

/** A log that keeps the newest messages, and the share that protects it. */
class Log {
  readonly share: PastShare;
  nowMs = 0;
  #kept: string[] = [];

  constructor(readonly size = { messages: 1_000, bytes: 1_000_000 }) {
    this.share = new PastShare(size);
  }

  /** Sends up to `count` messages as `network`; returns how many were allowed. */
  say(network: string, count = 1, text = "x"): number {
    for (let i = 0; i < count; i++) {
      if (this.share.waitMs(ownerAt(network), this.nowMs) > 0) return i;
      this.share.add(ownerAt(network), text, this.nowMs);
      this.#kept.push(network);
      if (this.#kept.length > this.size.messages) this.#kept.shift();
    }
    return count;
  }

  count(network: string): number {
    return this.#kept.filter((one) => one === network).length;
  }
}

/** A log filled by the messages of 50 users. */
function fullLog(): Log {
  const log = new Log();
  for (let i = 0; i < size.messages; i++) {
    log.nowMs += 10_000;
    expect(log.say(`person ${i % 50}`)).toBe(1);
  }
  return log;
}

test("the existing content of a log belongs to others when it is opened", () => {
  const share = new PastShare(size, 2 * size.messages);
  const flood = ownerAt("192.0.2.1");
  let allowed = 0;
  for (; share.waitMs(flood, 0) === 0; allowed++) share.add(flood, "x", 0);
  expect(allowed).toBeGreaterThanOrEqual(0.25 * size.messages);
  expect(allowed).toBeLessThan(0.26 * size.messages);
});

describe("a flood into a full log", () => {
  test("pushes out a quarter immediately, and needs 22 minutes for everything", () => {
    const log = fullLog();
    log.say("flood", 100_000);
    expect(log.count("flood")).toBeGreaterThanOrEqual(0.25 * size.messages);
    expect(log.count("flood")).toBeLessThan(0.26 * size.messages);
    const startedMs = log.nowMs;
    while (log.nowMs < startedMs + 22 * minuteMs) {
      log.nowMs += 100;
      log.say("flood", 100_000);
      const minutes = (log.nowMs - startedMs) / minuteMs;
      if (minutes < 7) expect(log.count("flood")).toBeLessThan(0.5 * size.messages);
    }
    expect(log.count("flood")).toBeLessThan(size.messages);
  });

  test("gains nothing by long messages", () => {
    const log = fullLog();
    const allowed = log.say("flood", 100_000, "x".repeat(10_000));
    expect(allowed * 10_000).toBeLessThan(0.26 * size.bytes);
    const wide = fullLog();
    expect(wide.say("flood", 100_000, "日".repeat(10_000)) * 30_000).toBeLessThan(
      0.28 * size.bytes,
    );
  });

  test("slows nobody else down", () => {
    const log = fullLog();
    for (let i = 0; i < 1_000; i++) {
      log.nowMs += 1_000;
      log.say("flood", 1_000);
      expect(log.say(`person ${i % 50}`)).toBe(1);
    }
  });
});

test("can't push out the few messages of a quiet room within 20 minutes", () => {
  const log = new Log();
  for (let i = 0; i < history.pastFewMessages; i++) log.say(`person ${i % 3}`);
  while (log.nowMs < 20 * minuteMs) {
    log.nowMs += 100;
    log.say("flood", 1_000);
  }
  const kept = ["person 0", "person 1", "person 2"].map((person) => log.count(person));
  expect(kept.reduce((sum, count) => sum + count)).toBe(history.pastFewMessages);
});

describe("an honest bot", () => {
  const real = { messages: history.memoryMessages, bytes: history.memoryRoomBytes };

  test("alone in a room has no limit, from the first message on", () => {
    const log = new Log();
    expect(log.say("bot", 1_000_000)).toBe(1_000_000);
  });

  test("has nearly no limit if somebody said hello there once", () => {
    const log = new Log(real);
    log.say("person");
    for (let second = 0; second < 3_600; second++) {
      log.nowMs += 1_000;
      expect(log.say("bot", 50)).toBe(50);
    }
  });

  test("in a shared room can send five messages per second indefinitely, and 2 500 at once", () => {
    const log = new Log(real);
    for (let i = 0; i < 1_000; i++) log.say(`person ${i % 50}`);
    expect(log.say("bot", 2_500)).toBe(2_500);
    log.nowMs += 3_600_000;
    for (let second = 0; second < 4 * 3_600; second++) {
      log.nowMs += 1_000;
      expect(log.say("bot", 5)).toBe(5);
      if (second % 5 === 0) expect(log.say("person")).toBe(1);
    }
  });
});

test("weights stay exact however long a log grows", () => {
  const log = new Log();
  for (let i = 0; i < 400 * size.messages; i++) {
    if (i % 100 === 0) log.nowMs += 600_000;
    expect(log.say("bot")).toBe(1);
    if (i % 100 === 0) expect(log.say("person")).toBe(1);
  }
  log.nowMs += 3_600_000;
  const allowed = log.say("bot", 10_000);
  expect(allowed).toBeGreaterThanOrEqual(0.25 * size.messages);
  expect(allowed).toBeLessThan(size.messages);
});

test("no schedule pushes out more than the budget", () => {
  const bursts = fc.array(fc.tuple(fc.nat(400), fc.nat(5 * minuteMs)), { maxLength: 12 });
  fc.assert(
    fc.property(bursts, (all) => {
      const log = fullLog();
      const startedMs = log.nowMs;
      for (const [count, pauseMs] of all) {
        log.nowMs += pauseMs;
        log.say("flood", count);
        const hours = (log.nowMs - startedMs) / (60 * minuteMs);
        const most = history.pastPercentAtOnce + hours * history.pastPercentPerHour;
        expect(log.count("flood")).toBeLessThanOrEqual((most / 100) * size.messages + 1);
      }
    }),
    { numRuns: 50 },
  );
});

/** Everyone sends one message after the other, as fast as allowed; returns whose were heard. */
function talk(rig: Rig, clients: readonly Client[], seconds: number): Map<unknown, number> {
  const watcher = rig.member("Watcher", {}, "127.0.0.1");
  const next = clients.map(() => 1);
  const heard = new Map<unknown, number>();
  watcher.text();
  for (let ms = 0; ms < seconds * 1_000; ms += 100) {
    for (const [i, client] of clients.entries()) {
      for (let k = 0; k < 20; k++) {
        client.queue({ type: "say", n: next[i]!, room: "lobby", text: "words" });
        next[i]!++;
      }
      for (const { type, n } of client.lines()) {
        if (type === "error" && typeof n === "number") next[i] = Math.min(next[i]!, n);
      }
    }
    rig.pass(100, 20);
    for (const { type, from } of watcher.lines()) {
      if (type === "message") heard.set(from, (heard.get(from) ?? 0) + 1);
    }
  }
  return heard;
}

function filled(rig: Rig): void {
  for (let i = 0; i < 10; i++) {
    const person = rig.member(`P${i}`, {}, `203.0.113.${i}`);
    for (let n = 1; n <= 100; n++) {
      person.send({ type: "say", n, room: "lobby", text: "hello" });
      rig.pass(20, 20);
    }
    person.close("quit");
  }
}

describe("in the hub", () => {
  const past = { room: size, all: { messages: 100 * size.messages, bytes: 100 * size.bytes } };
  const rigOf = (): Rig => new Rig({ rates: ratesFor(sender.messagesPerSecond), past });

  test("63 connections of one /48 leave most of the room's history, and are told when to retry", () => {
    const rig = rigOf();
    filled(rig);
    const strangers = Array.from({ length: 63 }, (_, i) =>
      rig.member(`S${i}`, {}, `2001:db8:1:${i}::1`),
    );
    const heard = talk(rig, strangers, 20);
    const all = Array.from(heard.values()).reduce((sum, count) => sum + count, 0);
    expect(all).toBeGreaterThan(0.2 * size.messages);
    expect(all).toBeLessThan(0.28 * size.messages);
    const [one] = strangers;
    for (let n = 1; n < 200; n++) one!.send({ type: "say", room: "lobby", text: `${n}` });
    const refusal = one!.lines().find(({ code }) => code === "rate");
    expect(refusal?.["message"]).toContain(
      "your network fills the room's history faster than its share",
    );
    expect(refusal?.["retryAfterMs"]).toBeGreaterThan(1_000);
    // Another room, a private message and another network are not affected.
    const other = rig.member("Other", { rooms: [{ room: "den" }] }, "2001:db8:1:99::1");
    other.send({ type: "say", n: 1, room: "den", text: "here" });
    other.send({ type: "tell", n: 2, to: ["Watcher"], text: "there" });
    expect(other.lines().filter(({ type }) => type === "ack")).toHaveLength(2);
    const ann = rig.member("Ann", {}, "203.0.113.99");
    ann.send({ type: "say", n: 1, room: "lobby", text: "heard" });
    expect(ann.lines()).toContainEqual(expect.objectContaining({ type: "ack", n: 1 }));
  });

  test("those who speak in a room without being in it have no more of its history", () => {
    const rig = rigOf();
    filled(rig);
    rig.member("Ann", {}, "203.0.113.99");
    rig.order("mode lobby -n");
    const stranger = rig.member("Stranger", { rooms: [{ room: "den" }] }, "192.0.2.1");
    const heard = talk(rig, [stranger], 40).get("Stranger") ?? 0;
    expect(heard).toBeGreaterThan(0.2 * size.messages);
    expect(heard).toBeLessThan(0.28 * size.messages);
  });

  test("loopback and `--rate 0` are exempt", () => {
    for (const [options, address] of [
      [{ rates: ratesFor(sender.messagesPerSecond), past }, "127.0.0.1"],
      [{ past }, "192.0.2.1"],
    ] as const) {
      const rig = new Rig(options);
      filled(rig);
      const heard = talk(rig, [rig.member("Bot", {}, address)], 30);
      expect(heard.get("Bot")).toBeGreaterThan(2 * size.messages);
    }
  });

  test("a network may open a limited number of new rooms, then some per hour", () => {
    const rig = rigOf();
    let opened = 0;
    const enter = (count: number, prefix: string): void => {
      for (let i = 0; i < count; i++) {
        const client = rig.member(
          `${prefix}${i}`,
          { rooms: [{ room: `${prefix}${i}` }] },
          "192.0.2.1",
        );
        if (client.lines().some(({ type }) => type === "welcome")) opened++;
        client.close("quit");
        rig.pass(200, 100);
      }
    };
    enter(400, "a");
    expect(opened).toBeGreaterThanOrEqual(history.newRooms);
    expect(opened).toBeLessThan(history.newRooms + 5);
    opened = 0;
    rig.pass(60 * minuteMs, 10_000);
    enter(100, "b");
    expect(opened).toBeGreaterThan(history.newRoomsPerHour - 2);
    expect(opened).toBeLessThan(history.newRoomsPerHour + 5);
  });

  test("a client with several new rooms gets in as soon as its network may open one again", () => {
    const rig = rigOf();
    const address = "192.0.2.1";
    for (let i = 0; i < history.newRooms; i++) {
      rig.member(`M${i}`, { rooms: [{ room: `m${i}` }] }, address).close("quit");
      rig.pass(100, 100);
    }
    const rooms = ["lobby", "new", "newer", "newest"].map((room) => ({ room }));
    let isIn = false;
    // It tries again every minute or so, as often as a room may be opened.
    for (let tries = 0; !isIn && tries < 3; tries++) {
      if (tries > 0) rig.pass((60 * minuteMs) / history.newRoomsPerHour, 10_000);
      isIn = rig.member("Ann", { rooms }, address).lines()[0]?.["type"] === "welcome";
    }
    expect(isIn).toBe(true);
    // They count nevertheless.
    const next = rig.member("Bob", { rooms: [{ room: "next" }] }, address);
    expect(next.lines()[0]).toMatchObject({ type: "error", code: "full" });
  });
});
