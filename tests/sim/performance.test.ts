// Speed, overhead and fairness in virtual time, where they are exact and can be asserted. The links
// are those of the wide-area rows in tests/bench/transfer; the queue holds one bandwidth-delay
// product.

import { describe, expect, test } from "bun:test";
import { EventLoop, Link, type LinkConfig, perfectLink, Timeline } from "./network.ts";
import { seeded } from "./random.ts";
import { senderFor, SimClient, SimServer } from "./transfer.ts";

interface Path {
  mbit: number;
  rttMs: number;
  lossPercent: number;
  jitterMs?: number;
  /** Both ends are descheduled this often, for 1.5 ms on average. */
  stallEveryMs?: number;
  stallUs?: number;
  /** Code is cold for this long: both ends need 100 µs per datagram. */
  coldMs?: number;
}

interface World {
  timeline: Timeline;
  down: Link;
  start: (mebibytes: number, atUs: number) => SimClient;
}

function world(path: Path, seed: number): World {
  const timeline = new Timeline();
  const random = seeded(seed);
  const bytesPerSecond = (path.mbit * 1e6) / 8;
  const config: LinkConfig = {
    ...perfectLink,
    bytesPerSecond,
    queueBytes: Math.max(64_000, (bytesPerSecond * path.rttMs) / 1_000),
    delayUs: path.rttMs * 500,
    jitterUs: (path.jitterMs ?? 0) * 1_000,
    loss: path.lossPercent / 100,
    mtuBytes: 1_472,
  };
  const up = new Link(timeline, random, { ...config });
  const down = new Link(timeline, random, { ...config });
  const { stallEveryMs } = path;
  const loop = (): EventLoop => {
    if (stallEveryMs === undefined) return new EventLoop(timeline, random);
    const stalls = {
      taskUs: 3,
      stallEveryUs: stallEveryMs * 1_000,
      stallUs: path.stallUs ?? 1_500,
      cold: { taskUs: 100, forUs: (path.coldMs ?? 0) * 1_000 },
    };
    return new EventLoop(timeline, random, stalls);
  };
  const server = new SimServer(timeline, senderFor("key", 65_024), loop());
  let port = 1_000;
  const start = (mebibytes: number, atUs: number): SimClient => {
    const client = new SimClient(timeline, {
      token: Uint8Array.from({ length: 16 }, () => Math.floor(random() * 256)),
      file: mebibytes * 1024 * 1024,
      side: { up, down },
      server,
      address: "192.0.2.1",
      port: port++,
      maxSegmentBytes: 65_024,
      timerSlackUs: 300,
      random,
      loop: loop(),
    });
    timeline.at(atUs, () => client.start());
    return client;
  };
  return { timeline, down, start };
}

/**
 * Runs one transfer; returns megabytes per second from the first datagram to the last byte, and
 * other figures to assert.
 */
function run(path: Path, mebibytes: number, seed: number) {
  const { timeline, down, start } = world(path, seed);
  const client = start(mebibytes, 0);
  let settled = false;
  while (client.doneAtUs === Infinity && timeline.step()) {
    if (!settled && timeline.nowUs > 12 * path.rttMs * 1_000) {
      settled = true;
      down.resetQueue();
    }
  }
  const stats = client.receiver.stats();
  return {
    goodput: (mebibytes * 1024 * 1024) / client.doneAtUs,
    retransmittedShare: stats.retransmittedShare,
    // The share that the seed drew, which differs slightly from the configured one.
    lossShare: down.dropped / down.sent,
    queueMs: down.queueSumUs / Math.max(1, down.queueSamples) / 1_000,
    segmentBytes: stats.segmentBytes,
  };
}

// Goodput of other programs on real links of this kind, times the required ratio: see the
// benchmark's table.
const rows: [name: string, path: Path, mebibytes: number, leastMBps: number][] = [
  ["100 Mbit/s, 50 ms", { mbit: 100, rttMs: 50, lossPercent: 0 }, 16, 10.5],
  ["100 Mbit/s, 50 ms, 1 %", { mbit: 100, rttMs: 50, lossPercent: 1 }, 16, 10.1],
  ["100 Mbit/s, 50 ms, 5 %", { mbit: 100, rttMs: 50, lossPercent: 5 }, 16, 9.6],
  ["100 Mbit/s, 50 ms, 10 %", { mbit: 100, rttMs: 50, lossPercent: 10 }, 16, 9.2],
  [
    "100 Mbit/s, 50 ms, 1 %, 5 ms jitter",
    { mbit: 100, rttMs: 50, lossPercent: 1, jitterMs: 5 },
    16,
    9.5,
  ],
  ["20 Mbit/s, 600 ms, 1 %", { mbit: 20, rttMs: 600, lossPercent: 1 }, 16, 1.65],
  ["1 Gbit/s, 10 ms, 0.1 %", { mbit: 1_000, rttMs: 10, lossPercent: 0.1 }, 96, 105],
  ["1 Gbit/s, 2 ms", { mbit: 1_000, rttMs: 2, lossPercent: 0 }, 96, 112],
];

describe("alone on the link", () => {
  test.each(rows)(
    "%s",
    (_name, path, mebibytes, leastMBps) => {
      for (const seed of path.mbit > 100 ? [1] : [1, 2]) {
        const result = run(path, mebibytes, seed);
        const said = `seed ${seed}: ${JSON.stringify(result)}`;
        expect(result.goodput, said).toBeGreaterThan(leastMBps);
        expect(result.retransmittedShare, said).toBeLessThan(result.lossShare + 0.01);
        expect(result.queueMs, said).toBeLessThan(path.rttMs * 0.7);
        expect(result.segmentBytes, said).toBe(1_444);
      }
    },
    180_000,
  );
});

describe("on a busy machine", () => {
  const fast = { mbit: 1_000, rttMs: 2, lossPercent: 0, stallEveryMs: 20 };
  const long = { ...fast, rttMs: 10, lossPercent: 0.1, stallEveryMs: 50, stallUs: 20_000 };
  test.each([
    ["2 ms: the path stays full, and little is sent in vain", fast, 108],
    ["2 ms: two ends that begin slowly do not make it seem slow", { ...fast, coldMs: 60 }, 100],
    ["10 ms: stalls of twice a round trip cost little more than their time", long, 60],
  ] as const)(
    "1 Gbit/s, %s",
    (_name, path, least) => {
      for (const seed of [1, 2]) {
        const result = run(path, 96, seed);
        const said = `seed ${seed}: ${JSON.stringify(result)}`;
        expect(result.goodput, said).toBeGreaterThan(least);
        expect(result.retransmittedShare, said).toBeLessThan(path.lossPercent / 100 + 0.01);
      }
    },
    180_000,
  );

  test("100 Mbit/s, 50 ms, 10 %: losing the first datagrams costs almost nothing", () => {
    for (let seed = 1; seed <= 5; seed++) {
      const path = { mbit: 100, rttMs: 50, lossPercent: 10, stallEveryMs: 20 };
      const result = run(path, 16, seed);
      const said = `seed ${seed}: ${JSON.stringify(result)}`;
      expect(result.goodput, said).toBeGreaterThan(9.2);
      expect(result.retransmittedShare, said).toBeLessThan(result.lossShare + 0.015);
    }
  }, 180_000);
});

describe("sharing a link", () => {
  const sharedUs = 15_000_000;
  test.each([0, 3_000_000])(
    "two transfers share a link, the second %d µs later",
    (laterUs) => {
      for (const seed of laterUs === 0 ? [1] : [2]) {
        const { timeline, start } = world({ mbit: 100, rttMs: 50, lossPercent: 0 }, seed);
        const first = start(400, 0);
        const second = start(400, laterUs);
        let from = [0, 0];
        let counting = false;
        while (timeline.nowUs < laterUs + sharedUs && timeline.step()) {
          if (!counting && timeline.nowUs >= laterUs) {
            counting = true;
            from = [first.receiver.stats().receivedBytes, second.receiver.stats().receivedBytes];
          }
        }
        const got = [first, second].map((c, i) => c.receiver.stats().receivedBytes - from[i]!);
        const share = got[1]! / (got[0]! + got[1]!);
        const said = `seed ${seed}: ${got.map((b) => (b / sharedUs).toFixed(2)).join(" and ")} MB/s`;
        expect(share, said).toBeGreaterThan(0.3);
        expect(share, said).toBeLessThan(0.7);
        expect((got[0]! + got[1]!) / sharedUs, said).toBeGreaterThan(11);
      }
    },
    180_000,
  );
});

test.each([
  { sizeBytes: 4_000_000, limitBytesPerSecond: 1_000_000, delayUs: 10_000, maxSegmentBytes: 1_444 },
  // Loopback: 64 KiB fit a datagram, and the round trip is negligible.
  { sizeBytes: 100_000, limitBytesPerSecond: 20_000, delayUs: 25, maxSegmentBytes: 65_024 },
  { sizeBytes: 20_000, limitBytesPerSecond: 1_000, delayUs: 25, maxSegmentBytes: 65_024 },
])("a rate limit is kept: %p", ({ sizeBytes, limitBytesPerSecond, delayUs, maxSegmentBytes }) => {
  const timeline = new Timeline();
  const random = seeded(1);
  const link = { ...perfectLink, delayUs };
  const client = new SimClient(timeline, {
    token: new Uint8Array(16).fill(3),
    file: sizeBytes,
    side: { up: new Link(timeline, random, link), down: new Link(timeline, random, link) },
    server: new SimServer(timeline, senderFor("key", 65_024)),
    address: "192.0.2.1",
    port: 1,
    maxSegmentBytes,
    timerSlackUs: 500,
    random,
    receiver: { limitBytesPerSecond },
  });
  client.start();
  // At no time has more arrived than the limit allows, except for one step.
  const stepBytes = 2 * Math.max(1_200, limitBytesPerSecond / 10);
  while (client.doneAtUs === Infinity && timeline.step()) {
    const most = (timeline.nowUs * limitBytesPerSecond) / 1e6 + stepBytes;
    expect(client.receiver.stats().receivedBytes).toBeLessThan(most);
  }
  const idealUs = (sizeBytes / limitBytesPerSecond) * 1e6;
  expect(client.doneAtUs).toBeGreaterThan(idealUs * 0.85);
  expect(client.doneAtUs).toBeLessThan(idealUs * 1.08);
});
