// A request is charged for the sealing it causes: requesting a few bytes of many chunks gets no
// larger share of the server than requesting whole chunks.

import { expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { transfer as limit, udpTransfer as udp } from "../../src/limits.ts";
import type { UdpPath } from "../../src/transfer/udp-path.ts";
import { Sender } from "../../src/transfer/sender.ts";
import type { SegmentSource } from "../../src/transfer/send-queue.ts";
import { initBytes, readCookie, writeInit, writeRequest } from "../../src/transfer/wire.ts";

const path = (port: number): UdpPath => ({ address: "192.0.2.1", port, local: "" });
const into = new Uint8Array(65_536);

/** Seals a chunk of 64 KiB whenever a read begins in a different chunk than the last. */
class CountingSource implements SegmentSource {
  sealedBytes = 0;
  sentBytes = 0;
  #unseen = 0;
  #chunk = -1;

  read(offset: number, _into: Uint8Array, _at: number, length: number): number {
    const chunk = Math.floor(offset / limit.minChunkBytes);
    if (chunk !== this.#chunk) {
      this.#chunk = chunk;
      this.sealedBytes += limit.minChunkBytes;
      this.#unseen += limit.minChunkBytes;
    }
    this.sentBytes += length;
    return length;
  }

  takeSealedBytes(): number {
    const bytes = this.#unseen;
    this.#unseen = 0;
    return bytes;
  }
}

function open(sender: Sender, fill: number): { source: CountingSource; request: Request } {
  const token = new Uint8Array(limit.tokenBytes).fill(fill);
  const source = new CountingSource();
  sender.open(token, 2 ** 34, source);
  const init = new Uint8Array(initBytes);
  writeInit(init, { token, timeUs: 0 });
  const length = sender.handleDatagrams(init, path(fill), into, 0);
  const { cookie } = readCookie(into, 0, length)!;
  let seq = 0;
  const request: Request = (count, length, step) => {
    const ranges = Array.from({ length: count }, () => {
      const firstSeq = seq;
      seq += Math.ceil(length / 1_200);
      return { firstSeq, offset: firstSeq * step, length, segmentBytes: 1_200 };
    });
    const bytes = new Uint8Array(limit.maxRequestBytes);
    const head = { token, cookie, timeUs: 0, paceBytesPerMs: 0, burstUs: 0 };
    const written = writeRequest(bytes, { ...head, ranges });
    sender.handleDatagrams(bytes.slice(0, written), path(fill), into, 0);
  };
  return { source, request };
}

/**
 * Requests `count` ranges of `length` bytes; ranges with consecutive send numbers are `step` bytes
 * of the file apart.
 */
type Request = (count: number, length: number, step: number) => void;

test("segments of many chunks cause no more sealing than another transfer has bytes", () => {
  const sender = new Sender({
    keyedHash: (message) => createHmac("sha256", "key").update(message).digest(),
  });
  const greedy = open(sender, 1);
  const usual = open(sender, 2);
  for (let round = 0; round < 40; round++) {
    greedy.request(60, 1_200, limit.minChunkBytes);
    // More than can be sent in these turns, so that both always wait.
    usual.request(4, 1_200 * 1_000, 1_200);
    for (let i = 0; i < 40; i++) sender.pollTransmit(into, round);
  }
  expect(usual.source.sentBytes).toBeGreaterThan(20_000_000);
  expect(greedy.source.sealedBytes).toBeGreaterThan(1_000_000);
  expect(greedy.source.sealedBytes).toBeLessThan(1.5 * usual.source.sentBytes);
});

test("a single transfer waits for nobody", () => {
  const sender = new Sender({
    keyedHash: (message) => createHmac("sha256", "key").update(message).digest(),
  });
  const { source, request } = open(sender, 1);
  for (let round = 0; round < 5; round++) request(60, 1_200, limit.minChunkBytes);
  let bursts = 0;
  while (sender.backlogBytes > 0 && bursts < 1_000) {
    expect(sender.pollTransmit(into, 0)).toBeDefined();
    bursts++;
  }
  expect(source.sentBytes).toBe(300 * 1_200);
  expect(bursts).toBeLessThanOrEqual(300 / (udp.maxSealedPerBurst / limit.minChunkBytes) + 1);
});
