// How the event loop is shared among senders, in virtual time.

import type { ServerWebSocket } from "bun";
import { describe, expect, test } from "bun:test";
import { createMetrics } from "../../src/chat/metrics/metrics.ts";
import { reading as limits } from "../../src/limits.ts";
import { type Reader, ReadingTurns } from "../../src/server/reading-turns.ts";
import { SocketLink, type WebSession } from "../../src/server/web/websocket.ts";
import { ownerAt, ownerOfAccount } from "../../src/share-owner.ts";

/** Turns on a clock that only reading and waiting advance. */
class Loop {
  nowMs = 0;
  readonly turns = new ReadingTurns(
    () => this.nowMs,
    (run) => this.#later.push(run),
  );
  #later: (() => void)[] = [];

  /** One pass, a millisecond later; false if nothing waits. */
  pass(): boolean {
    const [...due] = this.#later.splice(0);
    this.nowMs += 1;
    for (const run of due) run();
    return due.length > 0;
  }
}

/** A session that accepts everything. */
const quiet: WebSession = {
  receive() {},
  receiveEmpty: () => true,
  passedChars: () => 0,
  overflow() {},
  drained() {},
  isBusyAtEnd: () => false,

  closed() {},
};

/** A sender of pieces, each of which takes some time to read. */
class Sender implements Reader {
  readAtMs: number[] = [];

  constructor(
    readonly loop: Loop,
    public pieces: number,
    readonly eachMs: number,
    readonly bytes = 1,
  ) {}

  get hasUnread(): boolean {
    return this.pieces > 0;
  }

  readSome(): number {
    this.pieces--;
    this.loop.nowMs += this.eachMs;
    this.readAtMs.push(this.loop.nowMs);
    return this.bytes;
  }
}

/** A sender of one piece of lines, each of which takes some time. */
class LineSender implements Reader {
  constructor(
    readonly loop: Loop,
    public lines: number,
    readonly eachMs: number,
  ) {}

  get hasUnread(): boolean {
    return this.lines > 0;
  }

  readSome(mayReadOn: () => boolean): number {
    do {
      this.lines--;
      this.loop.nowMs += this.eachMs;
    } while (this.hasUnread && mayReadOn());
    return 1;
  }
}

const stranger = ownerAt("192.0.2.1");

describe("a flood of one network", () => {
  test("gets its slice of each window, and another network is read immediately", () => {
    const loop = new Loop();
    const flood = Array.from({ length: 60 }, () => new Sender(loop, 1_000, 0.5));
    for (const one of flood) loop.turns.read(stranger, one);
    expect(loop.nowMs).toBeLessThan(limits.sliceMs + 1);
    const bob = new Sender(loop, 1, 0.5);
    loop.turns.read(ownerAt("198.51.100.1"), bob);
    expect(bob.hasUnread).toBe(false);
    for (let i = 0; i < 1_000; i++) {
      const beganMs = loop.nowMs;
      loop.pass();
      expect(loop.nowMs - beganMs).toBeLessThan(limits.sliceMs + 2);
    }
    const readMs = flood.reduce((sum, { readAtMs }) => sum + 0.5 * readAtMs.length, 0);
    expect(readMs / loop.nowMs).toBeLessThan(1.2 * (limits.sliceMs / limits.windowMs));
    expect(readMs / loop.nowMs).toBeGreaterThan(0.8 * (limits.sliceMs / limits.windowMs));
  });

  test("whose lines take longer than a window is read one line at a time, and makes up for it", () => {
    const loop = new Loop();
    const eachMs = 1.5 * limits.windowMs;
    const flood = Array.from({ length: 60 }, () => new Sender(loop, 10, eachMs));
    for (const one of flood) loop.turns.read(stranger, one);
    expect(loop.nowMs).toBe(eachMs);
    for (let i = 0; i < 500; i++) {
      const beganMs = loop.nowMs;
      loop.pass();
      expect(loop.nowMs - beganMs).toBeLessThan(eachMs + 2);
    }
    const readMs = flood.reduce((sum, { readAtMs }) => sum + eachMs * readAtMs.length, 0);
    expect(readMs / loop.nowMs).toBeLessThan(1.2 * (limits.sliceMs / limits.windowMs));
    // A pause of this process, which is nobody's fault, is not held against anybody for long.
    const paused = new Sender(loop, 2, 2_000);
    loop.turns.read(ownerAt("198.51.100.1"), paused);
    const untilMs = loop.nowMs + (limits.maxDebtMs * limits.windowMs) / limits.sliceMs + 20;
    while (loop.nowMs < untilMs) loop.pass();
    expect(paused.pieces).toBe(0);
  });

  test("that asks much in few bytes is interrupted within them", () => {
    const loop = new Loop();
    const flood = Array.from({ length: 60 }, () => new LineSender(loop, 100, 1));
    for (const one of flood) loop.turns.read(stranger, one);
    expect(loop.nowMs).toBe(limits.sliceMs);
    while (flood.some(({ hasUnread }) => hasUnread)) {
      const beganMs = loop.nowMs;
      expect(loop.pass()).toBe(true);
      expect(loop.nowMs - beganMs).toBeLessThan(limits.sliceMs + 3);
    }
    expect(6_000 / loop.nowMs).toBeGreaterThan(0.8 * (limits.sliceMs / limits.windowMs));
  });

  test("is interrupted within a frame of a WebSocket", () => {
    const loop = new Loop();
    const heard: string[] = [];
    const peer = { address: "192.0.2.1", port: 1 };
    const place = { move: () => stranger, leave() {} };
    const link = new SocketLink(peer, createMetrics(), place, loop.turns);
    link.opened({} as ServerWebSocket<SocketLink>, () => ({
      ...quiet,
      receive(line) {
        heard.push(line);
        loop.nowMs++;
      },
    }));
    const lines = Array.from({ length: 20 }, (_, i) => `line ${i}`);
    link.received(`${lines.join("\n")}\n`);
    link.received("last");
    expect(heard.length).toBe(limits.sliceMs);
    while (link.hasUnread) expect(loop.pass()).toBe(true);
    expect(heard).toEqual([...lines, "last"]);
  });

  test("is read to its end from a WebSocket that has closed", () => {
    const loop = new Loop();
    const events: string[] = [];
    const peer = { address: "192.0.2.1", port: 1 };
    const place = { move: () => stranger, leave: () => events.push("place is free") };
    const link = new SocketLink(peer, createMetrics(), place, loop.turns);
    link.opened({} as ServerWebSocket<SocketLink>, () => ({
      ...quiet,
      receive(line) {
        events.push(line);
        loop.nowMs += 2;
      },
      closed: () => events.push("closed"),
    }));
    const lines = Array.from({ length: 20 }, (_, i) => `line ${i}`);
    for (const line of lines) link.received(line);
    link.closed();
    expect(events.length).toBeLessThan(lines.length);
    while (loop.pass());
    expect(events).toEqual([...lines, "closed", "place is free"]);
  });

  test("is not read any more from a WebSocket that the server has closed", () => {
    const loop = new Loop();
    const events: string[] = [];
    const peer = { address: "192.0.2.1", port: 1 };
    const place = { move: () => stranger, leave: () => events.push("place is free") };
    const link = new SocketLink(peer, createMetrics(), place, loop.turns);
    link.opened({ terminate() {} } as ServerWebSocket<SocketLink>, () => ({
      ...quiet,
      receive(line) {
        events.push(line);
        loop.nowMs += limits.sliceMs;
      },
      closed: () => events.push("closed"),
    }));
    for (const line of ["first", "second"]) link.received(line);
    link.abort();
    link.closed();
    while (loop.pass());
    expect(events).toEqual(["first", "closed", "place is free"]);
  });

  test("is read in turn, each connection equally", () => {
    const loop = new Loop();
    const flood = Array.from({ length: 10 }, () => new Sender(loop, 1_000, 0.5));
    for (const one of flood) loop.turns.read(stranger, one);
    const late = new Sender(loop, 1, 0.5);
    loop.turns.read(stranger, late);
    for (let i = 0; late.hasUnread; i++) {
      expect(i).toBeLessThan(50);
      loop.pass();
    }
    for (let i = 0; i < 1_000; i++) loop.pass();
    const counts = flood.map(({ readAtMs }) => readAtMs.length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThan(10);
  });

  test("that costs no time to read is bounded by its bytes", () => {
    const loop = new Loop();
    const flood = new Sender(loop, 1_000, 0, limits.pieceBytes);
    loop.turns.read(stranger, flood);
    expect(flood.readAtMs.length * limits.pieceBytes).toBe(limits.sliceBytes);
    while (flood.hasUnread) expect(loop.pass()).toBe(true);
    const windows = (1_000 * limits.pieceBytes) / limits.sliceBytes;
    expect(loop.nowMs).toBeGreaterThan(0.9 * windows * limits.windowMs);
    expect(loop.nowMs).toBeLessThan(1.2 * windows * limits.windowMs);
    expect(loop.pass()).toBe(false);
  });

  test("of which little counts is read on", () => {
    const loop = new Loop();
    const files = new Sender(loop, 1_000, 0, limits.pieceBytes / limits.frameDivisor);
    loop.turns.read(stranger, files);
    expect(files.readAtMs.length * limits.pieceBytes).toBe(limits.sliceBytes * limits.frameDivisor);
  });

  test("takes nothing from users with accounts there, who share one slice", () => {
    const loop = new Loop();
    loop.turns.read(stranger, new Sender(loop, 1_000, 0.5));
    const ann = new Sender(loop, 1, 0.5);
    loop.turns.read(ownerOfAccount("ann", "192.0.2.1"), ann);
    expect(ann.hasUnread).toBe(false);
    const beganMs = loop.nowMs;
    for (let i = 0; i < 64; i++) {
      loop.turns.read(ownerOfAccount(`name ${i}`, "192.0.2.1"), new Sender(loop, 100, 0.5));
    }
    expect(loop.nowMs - beganMs).toBeLessThan(limits.sliceMs + 1);
  });
});

test("data from this machine does not wait", () => {
  const loop = new Loop();
  const proxy = new Sender(loop, 1_000, 0.5, limits.pieceBytes);
  loop.turns.read(ownerAt("127.0.0.1"), proxy);
  expect(proxy.hasUnread).toBe(false);
});

test("owners without waiting data are forgotten", () => {
  const loop = new Loop();
  for (let i = 0; i < 3 * limits.owners; i++) {
    loop.turns.read(ownerAt(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`), new Sender(loop, 1, 0));
  }
  expect(loop.turns.size).toBeLessThanOrEqual(limits.owners);
});

test("a connection in which a bug shows does not keep the others waiting", () => {
  const loop = new Loop();
  const [first, second] = ["192.0.2.1", "198.51.100.1"].map((address) => ownerAt(address));
  for (const owner of [first!, second!]) loop.turns.read(owner, new Sender(loop, 6, 0.5));
  const broken = new Sender(loop, 1, 0);
  broken.readSome = () => {
    throw new Error("a bug");
  };
  loop.turns.read(first!, broken);
  const ann = new Sender(loop, 1, 0.5);
  loop.turns.read(second!, ann);
  expect(ann.hasUnread).toBe(true);
  let errors = 0;
  for (let i = 0; i < 20; i++) {
    try {
      loop.pass();
    } catch {
      errors++;
    }
  }
  expect([errors, ann.hasUnread]).toEqual([1, false]);
});
