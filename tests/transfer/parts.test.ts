// The parts of the receiver, each by itself, with time as a number: pacing, segment size, round trips, loss, rates, asks.

import { describe, expect, test } from "bun:test";
import { transfer as limit } from "../../src/limits.ts";
import { Asker } from "../../src/transfer/range-picker.ts";
import { BandwidthFilter, SlidingRate } from "../../src/transfer/congestion/bandwidth-filter.ts";
import { Congestion } from "../../src/transfer/congestion/bbr.ts";
import { arrival, Flight } from "../../src/transfer/sent-segments.ts";
import { Outgoing } from "../../src/transfer/send-queue.ts";
import { Pacer } from "../../src/transfer/congestion/pacer.ts";
import { RttEstimator } from "../../src/transfer/congestion/rtt.ts";
import { SegmentSizer } from "../../src/transfer/mtu-discovery.ts";
import { TrainEstimator } from "../../src/transfer/packet-train.ts";
import { seeded } from "../sim/random.ts";

describe("pacer", () => {
  test("timers that come late do not lower the rate", () => {
    const pacer = new Pacer();
    const rate = 12.5;
    let asked = 0;
    let nowUs = 0;
    // Every 2.7 ms instead of every 1 ms, for ten seconds.
    for (; nowUs < 10_000_000; nowUs += 2_700) {
      pacer.update(nowUs, rate, 1_200, 5_000);
      const bytes = pacer.available(rate, 1_200, 0);
      pacer.spend(bytes);
      asked += bytes;
    }
    expect(asked / nowUs).toBeCloseTo(rate, 1);
  });

  test("a long sleep is not followed by a flood", () => {
    const pacer = new Pacer();
    pacer.update(0, 12.5, 1_200, 5_000);
    pacer.update(60_000_000, 12.5, 1_200, 5_000);
    expect(pacer.available(12.5, 1_200, 0)).toBe(12.5 * 5_000);
  });

  test("asks ahead of the rate once, and not again and again", () => {
    const pacer = new Pacer();
    const aheadBytes = 12.5 * 3_000;
    let asked = 0;
    let nowUs = 0;
    for (; nowUs < 1_000_000; nowUs += 100) {
      pacer.update(nowUs, 12.5, 1_200, 5_000);
      const bytes = pacer.available(12.5, 1_200, aheadBytes);
      pacer.spend(bytes);
      asked += bytes;
    }
    expect(asked).toBeGreaterThan(12.5 * 1_000_000);
    expect(asked).toBeLessThanOrEqual(12.5 * 1_000_000 + aheadBytes);
    expect(pacer.readyUs(nowUs, 12.5, 1_200, aheadBytes)).toBeLessThan(nowUs + 1_000);
  });
});

describe("segment size", () => {
  test("grows while probes arrive, and stays below what is lost three times", () => {
    const sizer = new SegmentSizer(1_200, limit.maxSegmentBytes);
    let lost = 0;
    for (let i = 0; i < 20 && sizer.probeBytes > 0; i++) {
      const size = sizer.probeBytes;
      sizer.probed();
      expect(sizer.probeBytes).toBe(0);
      if (size <= 1_444) sizer.onArrived(size);
      else {
        lost++;
        sizer.onProbeLost(size);
      }
    }
    expect(sizer.segmentBytes).toBe(1_444);
    expect(lost).toBe(3);
  });

  test("goes back to the base when nothing comes any more, and is never above the offer", () => {
    const sizer = new SegmentSizer(65_024, 65_024);
    sizer.bound(8_924);
    expect(sizer.segmentBytes).toBe(8_924);
    sizer.onBlackHole();
    expect(sizer.segmentBytes).toBe(limit.baseSegmentBytes);
    expect(sizer.probeBytes).toBeGreaterThan(limit.baseSegmentBytes);
  });
});

function flightOf(count: number): Flight {
  const flight = new Flight(64);
  for (let i = 0; i < count; i++) flight.ask(i * 10, i * 1_200, 1_200, 0, false);
  return flight;
}

describe("flight", () => {
  test("gives up what is three segments behind, at once", () => {
    const flight = flightOf(8);
    const lost: number[] = [];
    flight.arrive(50_000, 50_000, 4, 4_800, 1_200);
    flight.detectLosses(50_000, 50_000, (offset) => lost.push(offset));
    expect(lost).toEqual([0, 1_200]);
    expect(flight.lossTimeUs).toBeGreaterThan(50_000);
  });

  test("gives up the rest when an eighth of a round trip has passed", () => {
    const flight = flightOf(8);
    const lost: number[] = [];
    flight.arrive(50_000, 50_000, 2, 2_400, 1_200);
    flight.detectLosses(50_000, 50_000, (offset) => lost.push(offset));
    expect(lost).toEqual([]);
    flight.detectLosses(flight.lossTimeUs + 10, 50_000, (offset) => lost.push(offset));
    expect(lost).toEqual([0, 1_200]);
  });

  test("tolerates the reordering that it has met", () => {
    const flight = new Flight(64);
    for (let i = 0; i < 40; i++) flight.ask(0, i * 1_200, 1_200, 0, false);
    const lost: number[] = [];
    const note = (offset: number) => lost.push(offset);
    flight.arrive(100, 0, 8, 9_600, 1_200);
    flight.detectLosses(100, 50_000, note);
    expect(lost.length).toBe(6);
    expect(flight.arrive(101, 0, 0, 0, 1_200)).toBe(arrival.late);
    flight.arrive(102, 0, 18, 21_600, 1_200);
    lost.length = 0;
    flight.detectLosses(102, 50_000, note);
    // Eleven behind is allowed now: 6 and 7, but not 8 to 17.
    expect(lost).toEqual([7_200, 8_400]);
    expect(flight.lateSegments).toBe(1);
  });

  test("a copy counts once", () => {
    const flight = flightOf(2);
    expect(flight.arrive(9, 0, 1, 1_200, 1_200)).toBe(arrival.expected);
    expect(flight.arrive(9, 0, 1, 1_200, 1_200)).toBe(arrival.unknown);
    expect(flight.inFlightBytes).toBe(1_200);
    expect(flight.delivered).toBe(1_200);
  });
});

describe("rates", () => {
  test("the filter believes a maximum for ten rounds with samples", () => {
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

  test("a train's spacing is the bottleneck's rate; one lump says nothing", () => {
    const train = new TrainEstimator(32);
    for (let i = 0; i < 32; i++) train.add(1_000 + i * 100, i, 1_200, true);
    expect(train.bytesPerUs).toBeCloseTo(12, 5);
    const lump = new TrainEstimator(32);
    for (let i = 0; i < 32; i++) lump.add(1_000, i, 1_200, true);
    expect(lump.bytesPerUs).toBe(0);
  });

  test("a train whose arrivals nobody has timed is guessed a little low", () => {
    const train = new TrainEstimator(32);
    for (let i = 0; i < 32; i++) train.add(1_000 + i * 100, i, 1_200, false);
    // Three quarters are enough: 2.3 ms, and the millisecond that the reader may have been late.
    expect(train.bytesPerUs).toBeCloseTo((23 * 1_200) / 3_300, 5);
    // The first eight were read late and all at once, the others are timed.
    const mixed = new TrainEstimator(32);
    for (let i = 0; i < 32; i++) mixed.add(1_000 + Math.max(i, 7) * 100, i, 1_200, i > 7);
    expect(mixed.bytesPerUs).toBeCloseTo(12, 5);
  });

  test("a train that jitter has mixed up is guessed by the line through it", () => {
    const random = seeded(7);
    const guesses: number[] = [];
    for (let round = 0; round < 200; round++) {
      const train = new TrainEstimator(32);
      const arrivals = Array.from({ length: 32 }, (_, seq) => ({
        seq,
        us: 1_000 + seq * 100 + random() * 5_000,
      }));
      for (const { seq, us } of arrivals.toSorted((a, b) => a.us - b.us)) {
        train.add(us, seq, 1_200, true);
      }
      train.add(20_000, 36, 1_200, true);
      guesses.push(train.bytesPerUs);
      // however wrong the guess is, it is trusted no farther than the train would then have been long
      if (train.bytesPerUs > 0) expect(train.bytesPerUs * train.spanUs).toBeLessThan(32 * 1_201);
    }
    // 12 is true; from the first to the last they take 8 ms, which would be 4.7
    const sorted = guesses.toSorted((a, b) => a - b);
    expect(sorted[100]).toBeGreaterThan(9);
    expect(sorted[100]).toBeLessThan(15);
    expect(sorted[20]).toBeGreaterThan(6);
  });

  test("the sliding rate is not taken in by what was read late", () => {
    const sliding = new SlidingRate();
    expect(sliding.update(0, 0)).toBe(Infinity);
    let most = 0;
    let delivered = 0;
    for (let ms = 1; ms <= 500; ms++) {
      // 120 bytes per µs; of every 20 ms the reader does not run for 3, and then has all at once.
      if (ms % 20 > 0 && ms % 20 <= 3) continue;
      delivered = ms * 120_000;
      const rate = sliding.update(ms * 1_000, delivered);
      if (ms > 30) most = Math.max(most, rate);
    }
    expect(most).toBeGreaterThan(119);
    expect(most).toBeLessThan(160);
  });

  test("the congestion control always leaves a way to ask for something", () => {
    const rtt = new RttEstimator();
    const control = new Congestion(rtt);
    expect(control.windowBytes).toBeGreaterThan(limit.baseSegmentBytes);
    expect(control.pacingBytesPerUs).toBeGreaterThan(0);
    const none = { rate: 0, priorDelivered: 0, appLimited: false };
    for (let i = 1; i < 2_000; i++) {
      rtt.update(i * 1_000, 50_000, 50_000);
      control.onLost(100_000);
      control.onArrivals(
        i * 1_000,
        { ...none, priorDelivered: i * 1_200 },
        {
          netRttUs: 50_000,
          queueRttUs: 50_000,
          isPaused: false,
          delivered: i * 1_200,
          inFlightBytes: 0,
        },
      );
      expect(control.windowBytes).toBeGreaterThan(limit.baseSegmentBytes);
      expect(control.pacingBytesPerUs).toBeGreaterThan(0);
    }
    control.onOutage();
    expect(control.windowBytes).toBeGreaterThan(limit.baseSegmentBytes);
  });
});

describe("asks", () => {
  test("a request repeats the asks of the three before it", () => {
    const asker = new Asker([[0, 1_000_000]], new SegmentSizer(1_200, 1_200));
    const counts: number[] = [];
    for (let i = 0; i < 6; i++) {
      asker.choose(i, 2_400, false);
      counts.push(asker.takeAsks().length);
    }
    expect(counts).toEqual([1, 2, 3, 4, 4, 4]);
  });

  test("what is lost is asked for before what is new", () => {
    const asker = new Asker([[0, 100_000]], new SegmentSizer(1_200, 1_200));
    asker.choose(0, 12_000, false);
    asker.takeAsks();
    asker.lost(3_600, 1_200, 0);
    asker.choose(1, 2_400, false);
    const fresh = asker.takeAsks().slice(-2);
    expect(fresh.map((ask) => [ask.offset, ask.length])).toEqual([
      [3_600, 1_200],
      [12_000, 1_200],
    ]);
  });
});

describe("outgoing", () => {
  const token = new Uint8Array(16);
  const asks = [{ firstSeq: 0, offset: 0, length: 600_000, segmentBytes: 1_200 }];
  const request = { token, cookie: token, timeUs: 0, paceBytesPerMs: 12_000, burstUs: 2_000, asks };

  test("sends at the rate that was asked for, catching up no more than allowed", () => {
    const outgoing = new Outgoing(token, 600_000, (_o, _i, _a, length) => length, 1_444);
    const into = new Uint8Array(65_536);
    let nowUs = 1_000_000;
    outgoing.take(nowUs, request);
    let sent = 0;
    const drain = (): number => {
      let bytes = 0;
      while (outgoing.readyUs(nowUs) <= nowUs) bytes += outgoing.fill(nowUs, into).bytes;
      sent += bytes;
      return bytes;
    };
    drain();
    for (let i = 0; i < 20; i++) {
      nowUs += 1_000;
      drain();
    }
    expect(outgoing.readyUs(nowUs)).toBeGreaterThanOrEqual(nowUs + 1_000);
    expect(sent).toBeGreaterThan(19 * 12_000);
    expect(sent).toBeLessThan(23 * 12_000);
    nowUs += 30_000;
    expect(drain()).toBeLessThan(2 * 12_000 + 2 * 1_300);
  });

  test("at a fast rate what may leave gathers for a quarter of a millisecond, but for the end", () => {
    const outgoing = new Outgoing(token, 600_000, (_o, _i, _a, length) => length, 1_444);
    const into = new Uint8Array(65_536);
    let nowUs = 1_000_000;
    outgoing.take(nowUs, { ...request, paceBytesPerMs: 100_000 });
    const sizes: number[] = [];
    for (; outgoing.isWaiting; nowUs += 10) {
      if (outgoing.readyUs(nowUs) <= nowUs) sizes.push(outgoing.fill(nowUs, into).bytes);
    }
    const typical = sizes.toSorted((a, b) => a - b)[Math.floor(sizes.length / 2)]!;
    expect(typical).toBeGreaterThan(20_000);
    expect(typical).toBeLessThan(32_000);
    expect(nowUs).toBeLessThan(1_000_000 + 6_500);
  });

  test("what was asked for without a pace leaves in one piece, though a pace is named before it has left", () => {
    const outgoing = new Outgoing(token, 600_000, (_o, _i, _a, length) => length, 1_444);
    const into = new Uint8Array(65_536);
    const train = [{ firstSeq: 0, offset: 0, length: 38_400, segmentBytes: 1_200 }];
    const more = [{ firstSeq: 32, offset: 38_400, length: 38_400, segmentBytes: 1_200 }];
    outgoing.take(1_000, { ...request, paceBytesPerMs: 0, asks: train });
    outgoing.take(1_000, { ...request, paceBytesPerMs: 1_500, asks: more });
    expect(outgoing.readyUs(1_000)).toBe(1_000);
    const { bytes, datagramBytes } = outgoing.fill(1_000, into);
    expect(Math.ceil(bytes / datagramBytes)).toBeGreaterThanOrEqual(32);
    expect(bytes).toBeLessThan(34 * datagramBytes);
    // the rest keeps the pace
    expect(outgoing.readyUs(1_000)).toBeGreaterThanOrEqual(2_000);
  });

  test("a file that has become shorter ends the transfer", () => {
    const outgoing = new Outgoing(token, 600_000, () => 0, 1_444);
    outgoing.take(0, { ...request, paceBytesPerMs: 0 });
    expect(outgoing.fill(0, new Uint8Array(65_536)).bytes).toBe(0);
    expect(outgoing.changed).toBe(true);
    expect(outgoing.isWaiting).toBe(false);
  });
});
