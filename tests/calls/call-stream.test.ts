// The stream inside a relayed call, without a network: everything arrives in order, never more than
// fits, and the other end's violations end it.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { toBase64 } from "../../src/bytes.ts";
import { CallStream } from "../../src/calls/call-stream.ts";
import { calls as limits } from "../../src/limits.ts";

class End {
  readonly frames: string[] = [];
  readonly log: string[] = [];
  readonly received: number[] = [];
  unreadBytes = 0;
  readonly stream = new CallStream({
    pass: (frame) => this.frames.push(frame),
    onBytes: (bytes) => {
      this.received.push(...bytes);
      this.unreadBytes += bytes.length;
    },
    onRoom: () => this.log.push("room"),
    onEnd: () => this.log.push("end"),
    onBroken: () => this.log.push("broken"),
  });

  read(bytes = this.unreadBytes): void {
    const read = Math.min(bytes, this.unreadBytes);
    this.unreadBytes -= read;
    this.stream.handleRead(read);
  }
}

function deliver(from: End, to: End): void {
  for (const frame of from.frames.splice(0)) to.stream.receive(frame);
}

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
        const chunk = Uint8Array.from({ length: bytes }, (_, i) => (written + i) % 251);
        one.stream.write(chunk);
        written += bytes;
        deliver(one, other);
        expect(other.unreadBytes).toBeLessThanOrEqual(limits.windowBytes);
        other.read(read);
        deliver(other, one);
      }
      one.stream.end();
      while (one.stream.waitingBytes > 0 || one.frames.length > 0) {
        deliver(one, other);
        other.read();
        deliver(other, one);
      }
      expect(other.received.length).toBe(written);
      expect(other.received.every((byte, i) => byte === i % 251)).toBe(true);
      expect(other.log).toEqual(["end"]);
      expect(one.log.filter((what) => what !== "room")).toEqual([]);
    }),
    { numRuns: 25 },
  );
});

test("more than fits waits, and says when there is room", () => {
  const [one, other] = [new End(), new End()];
  expect(one.stream.write(new Uint8Array(limits.windowBytes))).toBe(true);
  expect(one.stream.write(new Uint8Array(10))).toBe(false);
  expect(one.stream.waitingBytes).toBe(10);
  one.stream.end();
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

const frame = (...bytes: number[]): string => toBase64(Uint8Array.from(bytes));

test.each([
  ["no base64", ["%"]],
  ["an empty frame", [""]],
  ["an unknown kind", [frame(9)]],
  ["no bytes", [frame(0)]],
  ["too long a frame", [frame(0, ...Array.from({ length: limits.frameBytes + 3 }, () => 1))]],
  ["a short report", [frame(1, 0)]],
  ["a report of what was never sent", [frame(1, 0, 0, 0, 0, 0, 1)]],
  ["bytes after the end", [frame(2), frame(0, 1)]],
  ["two ends", [frame(2), frame(2)]],
])("%s: the stream is broken", (_, frames) => {
  const end = new End();
  for (const one of frames) end.stream.receive(one);
  expect(end.log.at(-1)).toBe("broken");
  // Nothing is sent or reported any more.
  end.stream.receive(frame(0, 1));
  end.stream.write(Uint8Array.of(1));
  expect([end.frames, end.received]).toEqual([[], []]);
});

test("an end that sends more than it may breaks the stream", () => {
  const end = new End();
  const most = frame(0, ...Array.from({ length: limits.frameBytes }, () => 1));
  for (let sent = 0; sent < limits.windowBytes; sent += limits.frameBytes) end.stream.receive(most);
  expect(end.log).toEqual([]);
  end.stream.receive(frame(0, 1));
  expect(end.log).toEqual(["broken"]);
});
