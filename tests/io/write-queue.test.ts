// A write queue neither loses nor duplicates bytes, however little of each write a socket accepts.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { WriteQueue } from "../../src/io/write-queue.ts";

test("every byte is sent once, in order, and is counted until then", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: fc.constantFrom("a", "é", "漢"), maxLength: 9 })),
      fc.array(fc.nat(5), { minLength: 1 }),
      (texts, takes) => {
        const queue = new WriteQueue();
        const sent: Buffer[] = [];
        let turn = 0;
        const socket = {
          write(bytes: Buffer): number {
            const count = Math.min(bytes.length, takes[turn++ % takes.length]! + (turn % 2));
            sent.push(Buffer.from(bytes.subarray(0, count)));
            return count;
          },
        };
        const all = Buffer.from(texts.join(""));
        const sentBytes = () => Buffer.concat(sent).length;
        let pushed = 0;
        for (const text of texts) {
          queue.push(text);
          pushed += Buffer.byteLength(text);
          queue.flush(socket);
          expect(queue.waitingBytes).toBe(pushed - sentBytes());
        }
        while (queue.flush(socket) !== "empty");
        expect(Buffer.concat(sent)).toEqual(all);
        expect(queue.waitingBytes).toBe(0);
      },
    ),
  );
});

test("many small texts that wait take about as much memory as they have bytes", () => {
  const queue = new WriteQueue();
  const pong = '{"type":"pong"}\n';
  for (let i = 0; i < 100_000; i++) {
    queue.push(`${pong}${i}`);
    queue.flush({ write: () => 0 });
  }
  const sent: Buffer[] = [];
  const all = queue.waitingBytes;
  queue.flush({
    write(bytes) {
      sent.push(bytes);
      return bytes.length;
    },
  });
  expect(Buffer.concat(sent).length).toBe(all);
  const memoryBytes = new Set(sent.map(({ buffer }) => buffer))
    .values()
    .reduce((sum, { byteLength }) => sum + byteLength, 0);
  expect(memoryBytes).toBeLessThan(1.1 * all);
  expect(sent.length).toBeLessThan(all / 50_000);
});

test("reports that a socket is closed", () => {
  const queue = new WriteQueue();
  queue.push("a");
  expect(queue.flush({ write: () => -1 })).toBe("closed");
  queue.clear();
  expect(queue.waitingBytes).toBe(0);
});
