// Unit tests of the parts of receiver and sender: pacer, MTU discovery, loss detection, rate
// estimates, range picker, send queue.

import { describe, expect, test } from "bun:test";
import { transfer as limit, udpTransfer as udp } from "../../src/limits.ts";
import { RangePicker } from "../../src/transfer/range-picker.ts";
import { BandwidthFilter, SlidingRate } from "../../src/transfer/congestion/bandwidth-filter.ts";
import { BbrController } from "../../src/transfer/congestion/bbr.ts";
import { LoopbackController } from "../../src/transfer/congestion/loopback.ts";
import { match, SentSegments } from "../../src/transfer/sent-segments.ts";
import { type SegmentSource, SendQueue } from "../../src/transfer/send-queue.ts";
import { Pacer } from "../../src/transfer/congestion/pacer.ts";
import { RttEstimator } from "../../src/transfer/congestion/rtt.ts";
import { MtuDiscovery } from "../../src/transfer/mtu-discovery.ts";
import { PacketTrain } from "../../src/transfer/packet-train.ts";
import { RequestSchedule } from "../../src/transfer/request-schedule.ts";
import { seeded } from "../sim/random.ts";

test("on loopback, a small buffer is filled, and requested again by halves", () => {
  const segmentBytes = limit.maxSegmentBytes;
  const picker = new RangePicker([[0, 1e9]], new MtuDiscovery(segmentBytes, segmentBytes));
  // Linux's default: the kernel stores six such datagrams, which it says are twice as much.
  const controller = new LoopbackController(212_992);
  const schedule = new RequestSchedule(picker, controller, new RttEstimator(), Infinity);
  const request = (): number => picker.pick(schedule.budget(), false, 0) / segmentBytes;
  expect(request()).toBe(5);
  for (let seq = 0; seq < 30; seq++) {
    picker.segments.onReceived(seq, seq * segmentBytes, segmentBytes, 0, 0);
    const isHalfFree = picker.segments.inFlightSegments === 2;
    expect(request()).toBe(isHalfFree ? 3 : 0);
  }
});

describe("pacer", () => {
  test("late timers do not lower the rate", () => {
    const pacer = new Pacer();
    const rate = 12.5;
    let requested = 0;
    let nowUs = 0;
    // Every 2.7 ms instead of every 1 ms, for ten seconds.
    for (; nowUs < 10_000_000; nowUs += 2_700) {
      pacer.update(nowUs, rate, 1_200, 5_000);
      const bytes = pacer.available(rate, 1_200, 0);
      pacer.spend(bytes);
      requested += bytes;
    }
    expect(requested / nowUs).toBeCloseTo(rate, 1);
  });

  test("a long sleep is not followed by a burst", () => {
    const pacer = new Pacer();
    pacer.update(0, 12.5, 1_200, 5_000);
    pacer.update(60_000_000, 12.5, 1_200, 5_000);
    expect(pacer.available(12.5, 1_200, 0)).toBe(12.5 * 5_000);
  });

  test("requests ahead of the rate once, not repeatedly", () => {
    const pacer = new Pacer();
    const aheadBytes = 12.5 * 3_000;
    let requested = 0;
    let nowUs = 0;
    for (; nowUs < 1_000_000; nowUs += 100) {
      pacer.update(nowUs, 12.5, 1_200, 5_000);
      const bytes = pacer.available(12.5, 1_200, aheadBytes);
      pacer.spend(bytes);
      requested += bytes;
    }
    expect(requested).toBeGreaterThan(12.5 * 1_000_000);
    expect(requested).toBeLessThanOrEqual(12.5 * 1_000_000 + aheadBytes);
    expect(pacer.readyUs(nowUs, 12.5, 1_200, aheadBytes)).toBeLessThan(nowUs + 1_000);
  });
});

describe("MTU discovery", () => {
  test("grows while probes arrive, and stays below a size that is lost three times", () => {
    const mtu = new MtuDiscovery(1_200, limit.maxSegmentBytes);
    let lost = 0;
    for (let i = 0; i < 20 && mtu.probeBytes > 0; i++) {
      const size = mtu.probeBytes;
      mtu.onProbeSent();
      expect(mtu.probeBytes).toBe(0);
      if (size <= 1_444) mtu.onReceived(size);
      else {
        lost++;
        mtu.onProbeLost(size);
      }
    }
    expect(mtu.segmentBytes).toBe(1_444);
    expect(lost).toBe(3);
  });

  test("goes on although the offer's size rules out a probe that is on its way", () => {
    const mtu = new MtuDiscovery(8_924, limit.maxSegmentBytes);
    expect(mtu.probeBytes).toBe(16_000);
    mtu.onProbeSent();
    mtu.bound(12_000);
    mtu.onProbeLost(16_000);
    expect(mtu.probeBytes).toBe(12_000);
  });

  test("returns to the base size in a black hole, and never exceeds the offer", () => {
    const mtu = new MtuDiscovery(65_024, 65_024);
    mtu.bound(8_924);
    expect(mtu.segmentBytes).toBe(8_924);
    mtu.onBlackHole();
    expect(mtu.segmentBytes).toBe(udp.baseSegmentBytes);
    expect(mtu.probeBytes).toBeGreaterThan(udp.baseSegmentBytes);
  });
});

function segmentsOf(count: number): SentSegments {
  const segments = new SentSegments(64);
  for (let i = 0; i < count; i++) segments.onRequested(i * 1_200, 1_200, 0, false, i * 10);
  return segments;
}

describe("loss detection", () => {
  test("immediately declares segments lost that are three behind", () => {
    const segments = segmentsOf(8);
    const lost: number[] = [];
    segments.onReceived(4, 4_800, 1_200, 50_000, 50_000);
    segments.detectLosses(50_000, 50_000, (offset) => lost.push(offset));
    expect(lost).toEqual([0, 1_200]);
    expect(segments.lossTimeUs).toBeGreaterThan(50_000);
  });

  test("declares the rest lost after an eighth of a round trip", () => {
    const segments = segmentsOf(8);
    const lost: number[] = [];
    segments.onReceived(2, 2_400, 1_200, 50_000, 50_000);
    segments.detectLosses(50_000, 50_000, (offset) => lost.push(offset));
    expect(lost).toEqual([]);
    segments.detectLosses(50_000, segments.lossTimeUs + 10, (offset) => lost.push(offset));
    expect(lost).toEqual([0, 1_200]);
  });

  test("tolerates as much reordering as it has seen", () => {
    const segments = new SentSegments(64);
    for (let i = 0; i < 40; i++) segments.onRequested(i * 1_200, 1_200, 0, false, 0);
    const lost: number[] = [];
    const note = (offset: number) => lost.push(offset);
    segments.onReceived(8, 9_600, 1_200, 0, 100);
    segments.detectLosses(50_000, 100, note);
    expect(lost.length).toBe(6);
    expect(segments.onReceived(0, 0, 1_200, 0, 101)).toBe(match.late);
    segments.onReceived(18, 21_600, 1_200, 0, 102);
    lost.length = 0;
    segments.detectLosses(50_000, 102, note);
    // Eleven behind is tolerated now: 6 and 7 are lost, 8 to 17 are not.
    expect(lost).toEqual([7_200, 8_400]);
    expect(segments.lateSegments).toBe(1);
  });

  test("a duplicate counts once", () => {
    const segments = segmentsOf(2);
    expect(segments.onReceived(1, 1_200, 1_200, 0, 9)).toBe(match.inFlight);
    expect(segments.onReceived(1, 1_200, 1_200, 0, 9)).toBe(match.none);
    expect(segments.inFlightBytes).toBe(1_200);
    expect(segments.delivered).toBe(1_200);
  });
});

describe("rates", () => {
  test("the filter keeps a maximum for ten rounds with samples", () => {
    const filter = new BandwidthFilter();
    filter.add(10);
    for (let round = 0; round < 9; round++) {
      filter.nextRound();
      filter.add(5);
    }
    expect(filter.bytesPerUs).toBe(10);
    filter.nextRound();
    expect(filter.bytesPerUs).toBe(5);
    // Rounds without a sample change nothing.
    for (let round = 0; round < 20; round++) filter.nextRound();
    expect(filter.bytesPerUs).toBe(5);
  });

  test("a train's spacing is the bottleneck's rate; a single cluster says nothing", () => {
    const train = new PacketTrain(32);
    for (let i = 0; i < 32; i++) train.add(i, 1_200, 1_000 + i * 100, true);
    expect(train.bytesPerUs).toBeCloseTo(12, 5);
    const cluster = new PacketTrain(32);
    for (let i = 0; i < 32; i++) cluster.add(i, 1_200, 1_000, true);
    expect(cluster.bytesPerUs).toBe(0);
  });

  test("without kernel timestamps the estimate is a little low", () => {
    const train = new PacketTrain(32);
    for (let i = 0; i < 32; i++) train.add(i, 1_200, 1_000 + i * 100, false);
    // Three quarters suffice: 2.3 ms, plus the millisecond that the reader may have been late.
    expect(train.bytesPerUs).toBeCloseTo((23 * 1_200) / 3_300, 5);
    // The first eight were read late and together, the others have timestamps.
    const mixed = new PacketTrain(32);
    for (let i = 0; i < 32; i++) mixed.add(i, 1_200, 1_000 + Math.max(i, 7) * 100, i > 7);
    expect(mixed.bytesPerUs).toBeCloseTo(12, 5);
  });

  test("a train reordered by jitter is estimated by a regression line", () => {
    const random = seeded(7);
    const estimates: number[] = [];
    for (let round = 0; round < 200; round++) {
      const train = new PacketTrain(32);
      const arrivals = Array.from({ length: 32 }, (_, seq) => ({
        seq,
        us: 1_000 + seq * 100 + random() * 5_000,
      }));
      for (const { seq, us } of arrivals.toSorted((a, b) => a.us - b.us)) {
        train.add(seq, 1_200, us, true);
      }
      train.add(36, 1_200, 20_000, true);
      estimates.push(train.bytesPerUs);
      // However wrong the estimate is, span and rate together stay within the length of the train.
      if (train.bytesPerUs > 0) expect(train.bytesPerUs * train.spanUs).toBeLessThan(32 * 1_201);
    }
    // 12 is correct; measured from first to last (8 ms) it would be 4.7.
    const sorted = estimates.toSorted((a, b) => a - b);
    expect(sorted[100]).toBeGreaterThan(9);
    expect(sorted[100]).toBeLessThan(15);
    expect(sorted[20]).toBeGreaterThan(6);
  });

  test("the sliding rate is not fooled by late reads", () => {
    const sliding = new SlidingRate();
    expect(sliding.update(0, 0)).toBe(Infinity);
    let most = 0;
    let delivered = 0;
    for (let ms = 1; ms <= 500; ms++) {
      // 120 bytes per µs; in every 20 ms the reader is descheduled for 3 ms, and then reads
      // everything together.
      if (ms % 20 > 0 && ms % 20 <= 3) continue;
      delivered = ms * 120_000;
      const rate = sliding.update(ms * 1_000, delivered);
      if (ms > 30) most = Math.max(most, rate);
    }
    expect(most).toBeGreaterThan(119);
    expect(most).toBeLessThan(160);
  });

  test("congestion control always leaves room for a request", () => {
    const rtt = new RttEstimator();
    const controller = new BbrController(rtt);
    expect(controller.windowBytes).toBeGreaterThan(udp.baseSegmentBytes);
    expect(controller.pacingBytesPerUs).toBeGreaterThan(0);
    const none = { rate: 0, priorDelivered: 0, appLimited: false };
    for (let i = 1; i < 2_000; i++) {
      rtt.update(i * 1_000, 50_000, 50_000);
      controller.onLost(100_000);
      controller.onArrivals(
        { ...none, priorDelivered: i * 1_200 },
        {
          netRttUs: 50_000,
          queueRttUs: 50_000,
          isPaused: false,
          delivered: i * 1_200,
          inFlightBytes: 0,
        },
        i * 1_000,
      );
      expect(controller.windowBytes).toBeGreaterThan(udp.baseSegmentBytes);
      expect(controller.pacingBytesPerUs).toBeGreaterThan(0);
    }
    controller.onOutage();
    expect(controller.windowBytes).toBeGreaterThan(udp.baseSegmentBytes);
  });
});

describe("range picker", () => {
  test("a request repeats the ranges of the three before it", () => {
    const picker = new RangePicker([[0, 1_000_000]], new MtuDiscovery(1_200, 1_200));
    const counts: number[] = [];
    for (let i = 0; i < 6; i++) {
      picker.pick(2_400, false, i);
      counts.push(picker.takeRanges().ranges.length);
    }
    expect(counts).toEqual([1, 2, 3, 4, 4, 4]);
  });

  test("at the end, too, no more is in flight than can be remembered", () => {
    const segmentBytes = 1_200;
    const most = udp.maxInFlightSegments;
    const size = 20 * most * segmentBytes;
    const picker = new RangePicker([[0, size]], new MtuDiscovery(segmentBytes, segmentBytes));
    picker.setSize(size);
    const { segments } = picker;
    let arrived = 0;
    const arrive = (count: number): void => {
      for (const end = arrived + count; arrived < end; arrived++) {
        const offset = arrived * segmentBytes;
        segments.onReceived(arrived, offset, segmentBytes, 0, 0);
        picker.missing.remove(offset, offset + segmentBytes);
      }
    };
    while (picker.hasWanted) {
      while (picker.hasWanted && segments.room > 0) picker.pick(Infinity, false, 0);
      if (picker.hasWanted) arrive(most / 64);
      segments.detectLosses(Infinity, 0, picker.onLost);
    }
    // The first thousands of those in flight are lost.
    arrived += most / 16;
    arrive(4);
    segments.detectLosses(Infinity, 0, picker.onLost);
    expect(picker.wanted.bytes).toBeGreaterThan((most / 16 - 4) * segmentBytes);
    while (picker.pick(Infinity, false, 0) > 0);
    expect(segments.room).toBeGreaterThanOrEqual(0);
  });

  test("lost ranges are requested before new ones", () => {
    const picker = new RangePicker([[0, 100_000]], new MtuDiscovery(1_200, 1_200));
    picker.pick(12_000, false, 0);
    picker.takeRanges();
    picker.onLost(3_600, 1_200, 0);
    picker.pick(2_400, false, 1);
    const picked = picker.takeRanges().ranges.slice(-2);
    expect(picked.map((range) => [range.offset, range.length])).toEqual([
      [3_600, 1_200],
      [12_000, 1_200],
    ]);
  });
});

/** A source of which each read returns as much as `read` says, and seals `sealedBytes`. */
function sourceOf(read: (length: number) => number, sealedBytes = 0): SegmentSource {
  let sealed = 0;
  return {
    read(_offset, _into, _at, length) {
      sealed += sealedBytes;
      return read(length);
    },
    takeSealedBytes() {
      const bytes = sealed;
      sealed = 0;
      return bytes;
    },
  };
}

describe("send queue", () => {
  const token = new Uint8Array(16);
  const queueOf = (source: SegmentSource) => new SendQueue(token, 600_000, source, 1_444);
  const ranges = [{ firstSeq: 0, offset: 0, length: 600_000, segmentBytes: 1_200 }];
  const request = {
    token,
    cookie: token,
    timeUs: 0,
    paceBytesPerMs: 12_000,
    burstUs: 2_000,
    ranges,
  };

  test("sends at the requested pace, catching up no more than allowed", () => {
    const queue = queueOf(sourceOf((length) => length));
    const into = new Uint8Array(65_536);
    let nowUs = 1_000_000;
    queue.handleRequest(request, nowUs);
    let sent = 0;
    const drain = (): number => {
      let bytes = 0;
      while (queue.readyUs(nowUs) <= nowUs) bytes += queue.pollBurst(into, nowUs).bytes;
      sent += bytes;
      return bytes;
    };
    drain();
    for (let i = 0; i < 20; i++) {
      nowUs += 1_000;
      drain();
    }
    expect(queue.readyUs(nowUs)).toBeGreaterThanOrEqual(nowUs + 1_000);
    expect(sent).toBeGreaterThan(19 * 12_000);
    expect(sent).toBeLessThan(23 * 12_000);
    nowUs += 30_000;
    expect(drain()).toBeLessThan(2 * 12_000 + 2 * 1_300);
  });

  test("a pace without a burst is kept too: of other clients, nothing was sent", () => {
    for (const paceBytesPerMs of [100, 12_000, 100_000]) {
      const queue = queueOf(sourceOf((length) => length));
      let nowUs = 1_000_000;
      queue.handleRequest({ ...request, paceBytesPerMs, burstUs: 0 }, nowUs);
      let sent = 0;
      for (const endUs = nowUs + 200_000; queue.isWaiting && nowUs < endUs; nowUs += 250) {
        if (queue.readyUs(nowUs) > nowUs) continue;
        sent += queue.pollBurst(new Uint8Array(65_536), nowUs).bytes;
      }
      expect(sent).toBeGreaterThanOrEqual(Math.min(600_000, 190 * paceBytesPerMs));
    }
  });

  test("at a fast pace, credit accumulates for a quarter of a millisecond, except at the end", () => {
    const queue = queueOf(sourceOf((length) => length));
    const into = new Uint8Array(65_536);
    let nowUs = 1_000_000;
    queue.handleRequest({ ...request, paceBytesPerMs: 100_000 }, nowUs);
    const sizes: number[] = [];
    for (; queue.isWaiting; nowUs += 10) {
      if (queue.readyUs(nowUs) <= nowUs) sizes.push(queue.pollBurst(into, nowUs).bytes);
    }
    const typical = sizes.toSorted((a, b) => a - b)[Math.floor(sizes.length / 2)]!;
    expect(typical).toBeGreaterThan(20_000);
    expect(typical).toBeLessThan(32_000);
    expect(nowUs).toBeLessThan(1_000_000 + 6_500);
  });

  test("ranges requested without a pace are sent in one burst, even if a pace is set meanwhile", () => {
    const queue = queueOf(sourceOf((length) => length));
    const into = new Uint8Array(65_536);
    const train = [{ firstSeq: 0, offset: 0, length: 38_400, segmentBytes: 1_200 }];
    const more = [{ firstSeq: 32, offset: 38_400, length: 38_400, segmentBytes: 1_200 }];
    queue.handleRequest({ ...request, paceBytesPerMs: 0, ranges: train }, 1_000);
    queue.handleRequest({ ...request, paceBytesPerMs: 1_500, ranges: more }, 1_000);
    expect(queue.readyUs(1_000)).toBe(1_000);
    const { bytes, datagramBytes } = queue.pollBurst(into, 1_000);
    expect(Math.ceil(bytes / datagramBytes)).toBeGreaterThanOrEqual(32);
    expect(bytes).toBeLessThan(34 * datagramBytes);
    // The rest is sent at the pace.
    expect(queue.readyUs(1_000)).toBeGreaterThanOrEqual(2_000);
  });

  test("a burst ends once it has made the sender seal much data", () => {
    const source = sourceOf((length) => length, limit.minChunkBytes);
    const queue = queueOf(source);
    queue.handleRequest({ ...request, paceBytesPerMs: 0 }, 0);
    const { bytes, datagramBytes } = queue.pollBurst(new Uint8Array(65_536), 0);
    const most = udp.maxSealedPerBurst / limit.minChunkBytes;
    expect(Math.ceil(bytes / datagramBytes)).toBeLessThanOrEqual(most);
  });

  test("a file that has become shorter ends the transfer", () => {
    const queue = queueOf(sourceOf(() => 0));
    queue.handleRequest({ ...request, paceBytesPerMs: 0 }, 0);
    expect(queue.pollBurst(new Uint8Array(65_536), 0).bytes).toBe(0);
    expect(queue.failure).toBe("changed");
    expect(queue.isWaiting).toBe(false);
  });

  test("a file that can't be read ends the transfer with that reason", () => {
    const queue = queueOf({ ...sourceOf(() => 0), failure: "unreadable" });
    queue.handleRequest({ ...request, paceBytesPerMs: 0 }, 0);
    expect(queue.pollBurst(new Uint8Array(65_536), 0).bytes).toBe(0);
    expect(queue.failure).toBe("unreadable");
  });
});
