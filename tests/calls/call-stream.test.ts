// The stream inside a relayed call, in virtual time: everything arrives in order, never more than
// fits, whatever the direct path loses, delays or repeats, and wherever connections to the server
// are lost; the other end's violations end it.

import { expect, setDefaultTimeout, test } from "bun:test";
import * as fc from "fast-check";
import { toBase64 } from "../../src/bytes.ts";
import { CallStream } from "../../src/calls/call-stream.ts";
import { calls as limits } from "../../src/limits.ts";

setDefaultTimeout(180_000);

class End {
  readonly frames: string[] = [];
  readonly datagrams: Uint8Array[] = [];
  readonly log: string[] = [];
  readonly #received: Uint8Array[] = [];
  unreadBytes = 0;
  readonly stream = new CallStream({
    pass: (frame) => this.frames.push(frame),
    passDatagram: (bytes) => this.datagrams.push(bytes),
    onBytes: (bytes) => {
      this.#received.push(bytes.slice());
      this.unreadBytes += bytes.length;
    },
    onRoom: () => this.log.push("room"),
    onEnd: () => this.log.push("end"),
    onBack: () => {},
    onBroken: () => this.log.push("broken"),
  });

  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  read(bytes = this.unreadBytes): void {
    const read = Math.min(bytes, this.unreadBytes);
    this.unreadBytes -= read;
    this.stream.handleRead(read);
  }
}

function deliver(from: End, to: End, nowMs = 0): void {
  for (const frame of from.frames.splice(0)) to.stream.receive(frame, nowMs);
}

/** Consecutive numbers, modulo 251. */
const pattern = (from: number, bytes: number): Buffer =>
  Buffer.alloc(
    bytes,
    Uint8Array.from({ length: 251 }, (_, i) => (from + i) % 251),
  );

test("whatever is written arrives in order, while the other end reads at its own pace", () => {
  const step = fc.record({
    bytes: fc.integer({ min: 0, max: limits.windowBytes }),
    read: fc.integer({ min: 0, max: limits.windowBytes }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const [one, other] = [new End(), new End()];
      let written = 0;
      for (const { bytes, read } of steps) {
        one.stream.write(pattern(written, bytes), 0);
        written += bytes;
        deliver(one, other);
        expect(other.unreadBytes).toBeLessThanOrEqual(limits.windowBytes);
        other.read(read);
        deliver(other, one);
      }
      one.stream.end(0);
      while (one.stream.waitingBytes > 0 || one.frames.length > 0) {
        deliver(one, other);
        other.read();
        deliver(other, one);
      }
      expect(other.received.equals(pattern(0, written))).toBe(true);
      expect(other.log).toEqual(["end"]);
      expect(one.log.filter((what) => what !== "room")).toEqual([]);
    }),
    { numRuns: 25 },
  );
});

test("more than fits waits, and says when there is room", () => {
  const [one, other] = [new End(), new End()];
  expect(one.stream.write(new Uint8Array(limits.windowBytes), 0)).toBe(true);
  expect(one.stream.write(new Uint8Array(10), 0)).toBe(false);
  expect(one.stream.waitingBytes).toBe(10);
  one.stream.end(0);
  deliver(one, other);
  // Small reads are not reported one by one.
  other.read(10);
  expect(other.frames).toEqual([]);
  other.read();
  deliver(other, one);
  expect([one.log, one.stream.waitingBytes]).toEqual([["room"], 0]);
  deliver(one, other);
  expect([other.received.length, other.log]).toEqual([limits.windowBytes + 10, ["end"]]);
});

test("on a direct path nothing goes through the server, not even later", () => {
  const [one, other] = [new End(), new End()];
  one.stream.setPath(true);
  one.stream.write(pattern(0, 2_500), 0);
  expect([one.frames.length, one.datagrams.length]).toEqual([0, 3]);
  for (const datagram of one.datagrams.splice(0)) other.stream.receiveDatagram(datagram, 10);
  expect(other.received).toEqual(pattern(0, 2_500));
  for (const datagram of other.datagrams.splice(0)) one.stream.receiveDatagram(datagram, 20);
  expect(one.stream.nextTimeoutMs).toBeUndefined();
  one.stream.handleTimeout(10_000);
  expect(one.frames).toEqual([]);
});

test("what the direct path does not take follows through the server, in time or when it is lost", () => {
  const [one, other] = [new End(), new End()];
  one.stream.setPath(true);
  one.stream.write(pattern(0, 100), 0);
  one.stream.write(pattern(100, 100), 5);
  one.datagrams.shift();
  for (const datagram of one.datagrams.splice(0)) other.stream.receiveDatagram(datagram, 30);
  // The second waits for the first.
  expect(other.received.length).toBe(0);
  for (const datagram of other.datagrams.splice(0)) one.stream.receiveDatagram(datagram, 60);
  const dueMs = one.stream.nextTimeoutMs ?? 0;
  expect(dueMs).toBeGreaterThanOrEqual(limits.minPatienceMs);
  expect(dueMs).toBeLessThanOrEqual(limits.maxPatienceMs);
  one.stream.handleTimeout(dueMs - 1);
  expect(one.frames).toEqual([]);
  one.stream.handleTimeout(dueMs);
  expect(one.frames.length).toBe(1);
  deliver(one, other);
  expect(other.received).toEqual(pattern(0, 200));
  // Without a path nothing is waited for.
  one.stream.write(pattern(200, 50), 1_000);
  one.datagrams.splice(0);
  one.stream.setPath(false);
  deliver(one, other);
  one.stream.write(pattern(250, 50), 1_001);
  expect(one.datagrams).toEqual([]);
  deliver(one, other);
  expect(other.received).toEqual(pattern(0, 300));
});

test("whatever the path does to datagrams, everything arrives once and in order", () => {
  const step = fc.record({
    bytes: fc.integer({ min: 1, max: 9_000 }),
    waitMs: fc.integer({ min: 0, max: 400 }),
    hasPath: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
    // Lost, delivered, repeated, or held back until something later has arrived.
    fates: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 4, maxLength: 40 }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 20 }), (steps) => {
      const [one, other] = [new End(), new End()];
      let written = 0;
      let nowMs = 0;
      let held: Uint8Array[] = [];
      const carry = (from: End, to: End, fates: readonly number[]): void => {
        const late: Uint8Array[] = [];
        for (const [i, datagram] of from.datagrams.splice(0).entries()) {
          const fate = fates[i % fates.length] ?? 1;
          if (fate === 3) late.push(datagram);
          for (let times = fate % 3; times > 0; times--) to.stream.receiveDatagram(datagram, nowMs);
        }
        if (to !== other) return;
        for (const datagram of held) to.stream.receiveDatagram(datagram, nowMs);
        held = late;
      };
      for (const { bytes, waitMs, hasPath, fates } of steps) {
        one.stream.setPath(hasPath);
        one.stream.write(pattern(written, bytes), nowMs);
        written += bytes;
        nowMs += waitMs;
        one.stream.handleTimeout(nowMs);
        carry(one, other, fates);
        deliver(one, other, nowMs);
        other.read();
        carry(other, one, fates);
        deliver(other, one, nowMs);
      }
      one.stream.end(nowMs);
      for (let turn = 0; turn < 100 && other.log.length === 0; turn++) {
        deliver(one, other, nowMs);
        other.read();
        deliver(other, one, nowMs);
      }
      expect([one.log.filter((what) => what !== "room"), other.log]).toEqual([[], ["end"]]);
      expect(other.received.equals(pattern(0, written))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("an end that is said again is heard once", () => {
  const end = new End();
  for (const one of [frame(2, 0), frame(2, 0)]) end.stream.receive(one, 0);
  expect(end.log).toEqual(["end"]);
});

/** Two ends, the frames between them, and a server whose connections are lost. */
class Line {
  readonly ends = [new End(), new End()] as const;
  readonly written = [0, 0];
  readonly #hasEnded = [false, false];
  #isCut = false;
  #nowMs = 0;

  write(by: 0 | 1, bytes: number): void {
    if (this.#hasEnded[by] === true) return;
    this.ends[by].stream.write(pattern(this.written[by]!, bytes), this.#nowMs);
    this.written[by]! += bytes;
  }

  end(by: 0 | 1): void {
    this.#hasEnded[by] = true;
    this.ends[by].stream.end(0);
  }

  /** Delivers so many frames to that end; after a cut they belong to a channel that is closed. */
  deliver(to: 0 | 1, most = Infinity): void {
    if (this.#isCut) return;
    for (let left = most; left > 0; left--) {
      const frame = this.ends[1 - to]!.frames.shift();
      if (frame === undefined) return;
      this.ends[to].stream.receive(frame, 0);
    }
  }

  /** Loses what is on its way. `told`: who learns of it before the call goes on. */
  cut(told: readonly boolean[]): void {
    this.#isCut = true;
    for (const [i, end] of this.ends.entries()) if (told[i] === true) end.stream.handleCut();
  }

  again(): void {
    this.#isCut = false;
    for (const end of this.ends) end.frames.length = 0;
    for (const end of this.ends) end.stream.handleAgain();
  }

  /** Whether there is a direct path. */
  path(hasPath: boolean): void {
    for (const end of this.ends) end.stream.setPath(hasPath);
  }

  /** Datagrams to that end: each is lost, or arrives once or twice. */
  carry(to: 0 | 1, fates: number): void {
    this.#nowMs += 40;
    for (const [i, datagram] of this.ends[1 - to]!.datagrams.splice(0).entries()) {
      for (let times = (fates >> (2 * (i % 8))) & 3; times > 1; times--) {
        this.ends[to].stream.receiveDatagram(datagram, this.#nowMs);
      }
    }
    this.ends[to].stream.handleTimeout(this.#nowMs);
  }

  /** The rest arrives, without further cuts. */
  finish(): void {
    this.path(false);
    if (this.#isCut) this.again();
    for (const by of [0, 1] as const) this.end(by);
    while (this.ends.some(({ frames, unreadBytes }) => frames.length + unreadBytes > 0)) {
      for (const to of [0, 1] as const) {
        this.deliver(to);
        this.ends[to].read();
      }
    }
    for (const [i, end] of this.ends.entries()) {
      expect(end.log.filter((what) => what !== "room")).toEqual(["end"]);
      expect(end.received.equals(pattern(0, this.written[1 - i]!))).toBe(true);
      expect(end.stream.waitingBytes).toBe(0);
    }
  }
}

/** One step of an end: it writes, reads, ends, or gets the next frames. */
const lineStep = fc.record({
  by: fc.constantFrom<0 | 1>(0, 1),
  what: fc.constantFrom(
    "write",
    "write",
    "deliver",
    "deliver",
    "read",
    "cut",
    "again",
    "path",
    "no path",
    "carry",
    "carry",
  ),
  bytes: fc.oneof(fc.integer({ min: 1, max: 20_000 }), fc.constant(limits.windowBytes)),
  frames: fc.integer({ min: 1, max: 6 }),
  fates: fc.nat(0xffff),
  told: fc.tuple(fc.boolean(), fc.boolean()),
});

type LineStep = typeof lineStep extends fc.Arbitrary<infer T> ? T : never;

function take(line: Line, { by, what, bytes, frames, fates, told }: LineStep): void {
  switch (what) {
    case "path":
    case "no path":
      return line.path(what === "path");
    case "carry":
      return line.carry(by, fates);
    case "write":
      return line.write(by, bytes);
    case "deliver":
      return line.deliver(by, frames);
    case "read":
      return line.ends[by].read(bytes);
    case "cut":
      return line.cut(told);
    case "again":
      return line.again();
  }
}

test("wherever connections and datagrams are lost, everything arrives once and in order", () => {
  fc.assert(
    fc.property(fc.array(lineStep, { maxLength: 30 }), (steps) => {
      const line = new Line();
      for (const step of steps) {
        take(line, step);
        for (const end of line.ends) {
          expect(end.unreadBytes).toBeLessThanOrEqual(limits.windowBytes);
          expect(end.log).not.toContain("broken");
        }
      }
      line.finish();
    }),
    { numRuns: 60 },
  );
});

test("a call that is cut at any point goes on, whoever learns of it, even if it is cut again at once", () => {
  const script: ((line: Line) => void)[] = [
    (line) => line.write(0, 100),
    (line) => line.write(1, 30_000),
    (line) => line.deliver(0, 3),
    (line) => line.deliver(1),
    (line) => line.ends[0].read(),
    (line) => line.write(0, 20_000),
    (line) => line.deliver(0),
    (line) => line.ends[0].read(),
    (line) => line.deliver(1, 1),
    (line) => line.ends[1].read(),
    (line) => line.end(0),
    (line) => line.deliver(1),
    (line) => line.deliver(0),
    (line) => line.end(1),
    (line) => line.deliver(0),
  ];
  for (let at = 0; at <= script.length; at++) {
    for (const told of [[], [true], [false, true], [true, true]]) {
      for (const lostAgain of [0, 1, 2]) {
        const line = new Line();
        for (const step of script.slice(0, at)) step(line);
        line.cut(told);
        line.write(0, 50);
        if (lostAgain > 0) line.again();
        // The other end's answer arrives before the next cut, or not.
        if (lostAgain === 2) line.deliver(1, 1);
        line.finish();
      }
    }
  }
});

test("what an end keeps for the other is bounded, however long the call is cut", () => {
  const [one, other] = [new End(), new End()];
  one.stream.handleCut();
  for (let n = 0; n < 10; n++) one.stream.write(new Uint8Array(limits.windowBytes), 0);
  expect(one.frames).toEqual([]);
  // Whoever writes is told to wait.
  expect(one.stream.waitingBytes).toBe(9 * limits.windowBytes);
  for (const end of [one, other]) end.stream.handleAgain();
  deliver(other, one);
  deliver(one, other);
  expect(other.received.length).toBe(limits.windowBytes);
});

test("what is read before the other end is back is reported once it is", () => {
  const [one, other] = [new End(), new End()];
  one.stream.write(new Uint8Array(2 * limits.windowBytes), 0);
  deliver(one, other);
  for (const end of [one, other]) end.stream.handleCut();
  for (const end of [one, other]) end.stream.handleAgain();
  other.read();
  deliver(other, one);
  deliver(one, other);
  deliver(other, one);
  expect(one.log).toEqual(["room"]);
  deliver(one, other);
  expect(other.received.length).toBe(2 * limits.windowBytes);
});

test("a direct path carries on while the connection to the server is lost", () => {
  const [one, other] = [new End(), new End()];
  one.stream.setPath(true);
  for (const end of [one, other]) end.stream.handleCut();
  one.stream.write(pattern(0, 2_500), 0);
  const [first, second] = one.datagrams.splice(0);
  other.stream.receiveDatagram(first!, 10);
  other.stream.receiveDatagram(second!, 10);
  // What the path has lost waits for the server.
  one.stream.handleTimeout(10_000);
  expect([one.frames.length, other.received.length]).toEqual([0, 2_200]);
  for (const end of [one, other]) end.stream.handleAgain();
  deliver(other, one);
  deliver(one, other);
  expect(other.received).toEqual(pattern(0, 2_500));
});

test.each([
  ["more than was sent", [1, 0]],
  ["that more was read than arrived", [2, 3]],
  ["that less was read than before", [2, 1]],
])("an end that claims %s when the call goes on breaks the stream", (_, [arrived, read]) => {
  const [one, other] = [new End(), new End()];
  if (arrived === 2) {
    one.stream.write(new Uint8Array(limits.windowBytes), 0);
    deliver(one, other);
    if (read === 1) {
      other.read();
      deliver(other, one);
    }
  }
  one.stream.handleAgain();
  one.stream.receive(frame(4, arrived!, 0, 0, 0, 0, 0, read!), 0);
  expect(one.log.at(-1)).toBe("broken");
});

test("after a cut, nothing is heard before the other end has said what it has", () => {
  const end = new End();
  end.stream.handleAgain();
  end.stream.receive(frame(0, 0, 1), 0);
  expect([end.log, end.received.length]).toEqual([["broken"], 0]);
});

const frame = (kind: number, number: number, ...bytes: number[]): string =>
  toBase64(Uint8Array.of(kind, 0, 0, 0, 0, number >> 8, number, ...bytes));
const ones = (length: number): number[] => Array.from({ length }, () => 1);

test.each([
  ["no base64", ["%"]],
  ["an empty frame", [""]],
  ["a short one", [toBase64(Uint8Array.of(0, 0, 0))]],
  ["an unknown kind", [frame(9, 0)]],
  ["no bytes", [frame(0, 0)]],
  ["too long a frame", [frame(0, 0, ...ones(limits.frameBytes + 3))]],
  ["a report of what was never sent", [frame(1, 1)]],
  ["bytes that overlap", [frame(0, 0, 1, 2), frame(0, 1, 1, 2)]],
  ["bytes after the end", [frame(2, 0), frame(0, 0, 1)]],
  ["an end before what has come", [frame(0, 0, 1, 2), frame(2, 1)]],
  ["two ends", [frame(2, 0), frame(2, 1)]],
  ["what it has, unasked", [frame(4, 0, 0, 0, 0, 0, 0, 0)]],
])("%s: the stream is broken", (_, frames) => {
  const end = new End();
  for (const one of frames) end.stream.receive(one, 0);
  expect(end.log.at(-1)).toBe("broken");
  const received = end.received.length;
  // Nothing is sent or reported any more.
  end.stream.receive(frame(0, received, 1), 0);
  end.stream.receiveDatagram(Uint8Array.of(0, 0, 0, 0, 0, 0, received, 1), 0);
  end.stream.write(Uint8Array.of(1), 0);
  expect([end.frames, end.datagrams, end.received.length]).toEqual([[], [], received]);
});

test("an end that sends more than it may, or ever smaller pieces behind a gap, breaks the stream", () => {
  const end = new End();
  for (let sent = 0; sent < limits.windowBytes; sent += limits.frameBytes) {
    const at = Uint8Array.of(0, 0, 0, 0, sent >> 16, sent >> 8, sent);
    end.stream.receive(toBase64(Uint8Array.of(...at, ...ones(limits.frameBytes))), 0);
  }
  expect(end.log).toEqual([]);
  end.stream.receive(toBase64(Uint8Array.of(0, 0, 0, 0, limits.windowBytes >> 16, 0, 0, 1)), 0);
  expect(end.log).toEqual(["broken"]);
  const other = new End();
  for (let at = 1; at <= limits.maxEarly + 1; at++) other.stream.receive(frame(0, at, 1), 0);
  expect(other.log).toEqual(["broken"]);
});

test("datagrams that are none are ignored", () => {
  const end = new End();
  for (const bytes of [[], [0], [3, 0, 0, 0, 0, 0, 0], [7, 0, 0, 0, 0, 0, 0, 1]]) {
    end.stream.receiveDatagram(Uint8Array.from(bytes), 0);
  }
  expect([end.log, end.received.length, end.datagrams]).toEqual([[], 0, []]);
});
