// The transfer's datagrams: round trips, every truncation, merged buffers, noise.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { transfer as limit, udpTransfer as udp } from "../../src/limits.ts";
import {
  type RangeRequest,
  dataHeaderBytes,
  datagramEnd,
  emptyDataHeader,
  initBytes,
  kind,
  kindAt,
  maxRanges,
  readCookie,
  readData,
  readGone,
  readInit,
  readRequest,
  writeCookie,
  writeDataHeader,
  writeGone,
  writeInit,
  writeRequest,
} from "../../src/transfer/wire.ts";

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const u48 = fc.integer({ min: 0, max: limit.maxFileBytes });
const bytes16 = fc.uint8Array({ minLength: 16, maxLength: 16 });
const range: fc.Arbitrary<RangeRequest> = fc.record({
  firstSeq: u32,
  offset: u48,
  length: fc.integer({ min: 1, max: udp.maxRangeBytes }),
  segmentBytes: fc.integer({ min: limit.minSegmentBytes, max: limit.maxSegmentBytes }),
});

function room(): Uint8Array {
  return new Uint8Array(2_048).fill(0xee);
}

describe("round trips", () => {
  test("INIT", () => {
    fc.assert(
      fc.property(bytes16, u32, (token, timeUs) => {
        const into = room();
        const length = writeInit(into, { token, timeUs });
        expect(datagramEnd(into, 0)).toBe(length);
        expect(readInit(into, 0, length)).toEqual({ token, timeUs });
      }),
    );
  });

  test("COOKIE, for IPv4 and IPv6, never longer than an INIT", () => {
    const address = fc.constantFrom(
      "1.2.3.4",
      "::1",
      "2001:db8:1111:2222:3333:4444:255.255.255.255",
    );
    const port = fc.integer({ min: 1, max: 65_535 });
    fc.assert(
      fc.property(bytes16, bytes16, u32, address, port, (token, cookie, echoUs, address, port) => {
        const into = room();
        const message = { token, cookie, echoUs, address, port };
        const length = writeCookie(into, message);
        expect(length).toBeLessThanOrEqual(initBytes);
        expect(datagramEnd(into, 0)).toBe(length);
        expect(readCookie(into, 0, length)).toEqual(message);
      }),
    );
    expect(
      writeCookie(room(), {
        token: new Uint8Array(16),
        cookie: new Uint8Array(16),
        echoUs: 0,
        address: "x".repeat(46),
        port: 1,
      }),
    ).toBe(0);
  });

  test("REQUEST", () => {
    const ranges = fc.array(range, { maxLength: maxRanges });
    fc.assert(
      fc.property(
        bytes16,
        bytes16,
        u32,
        u32,
        ranges,
        (token, cookie, timeUs, paceBytesPerMs, ranges) => {
          const into = room();
          const length = writeRequest(into, {
            token,
            cookie,
            timeUs,
            paceBytesPerMs,
            burstUs: 7,
            ranges,
          });
          expect(length).toBeLessThanOrEqual(limit.maxRequestBytes);
          expect(datagramEnd(into, 0)).toBe(length);
          expect(readRequest(into, 0, length)).toEqual({
            token,
            cookie,
            timeUs,
            paceBytesPerMs,
            burstUs: 7,
            ranges,
          });
        },
      ),
    );
  });

  test("DATA, anywhere in a buffer", () => {
    const args = [u32, u32, u32, u32, u48, fc.nat(1_048_575), fc.nat(200)] as const;
    fc.assert(
      fc.property(
        ...args,
        fc.integer({ min: 1, max: 1_444 }),
        (tagHigh, tagLow, seq, echoUs, offset, holdUs, at, length) => {
          const into = room();
          writeDataHeader(into, at, tagHigh, tagLow, seq, echoUs, offset, holdUs, length);
          const end = at + dataHeaderBytes + length;
          expect(datagramEnd(into, at)).toBe(end);
          const header = emptyDataHeader();
          expect(readData(into, at, end, header)).toBe(true);
          expect(header).toEqual({
            tagHigh,
            tagLow,
            seq,
            echoUs,
            offset,
            holdUs: Math.min(holdUs - (holdUs % 16), 0xffff * 16),
            at: at + dataHeaderBytes,
            length,
          });
        },
      ),
    );
  });

  test("GONE", () => {
    fc.assert(
      fc.property(bytes16, fc.integer({ min: 1, max: 255 }), (token, reason) => {
        const into = room();
        const length = writeGone(into, { token, reason });
        expect(readGone(into, 0, length)).toEqual({ token, reason });
      }),
    );
  });
});

describe("hostile bytes", () => {
  const token = new Uint8Array(16).fill(7);
  const ranges = [{ firstSeq: 1, offset: 2, length: 3_000, segmentBytes: 1_200 }];
  const samples: [string, (into: Uint8Array) => number][] = [
    ["INIT", (into) => writeInit(into, { token, timeUs: 1 })],
    [
      "COOKIE",
      (into) => writeCookie(into, { token, cookie: token, echoUs: 1, address: "1.2.3.4", port: 5 }),
    ],
    [
      "REQUEST",
      (into) =>
        writeRequest(into, {
          token,
          cookie: token,
          timeUs: 1,
          paceBytesPerMs: 0,
          burstUs: 0,
          ranges,
        }),
    ],
    ["GONE", (into) => writeGone(into, { token, reason: 1 })],
    [
      "DATA",
      (into) => {
        writeDataHeader(into, 0, 1, 2, 3, 4, 5, 6, 100);
        return dataHeaderBytes + 100;
      },
    ],
  ];

  test.each(samples)("every truncation of %s is noticed", (_name, write) => {
    const into = room();
    const length = write(into);
    for (let cut = 0; cut < length; cut++) {
      const bytes = into.slice(0, cut);
      expect(datagramEnd(bytes, 0)).toBe(-1);
      // A reader that is given a wrong end must not read past it either.
      expect(readGone(bytes, 0, cut)).toBeUndefined();
      expect(readInit(bytes, 0, cut)).toBeUndefined();
      if (kindAt(bytes, 0) !== kind.data || cut <= dataHeaderBytes) {
        expect(readData(bytes, 0, cut, emptyDataHeader())).toBe(false);
      }
    }
  });

  test("ranges beyond the limits make the whole REQUEST invalid", () => {
    const good = ranges[0]!;
    for (const bad of [
      { ...good, length: 0 },
      { ...good, length: udp.maxRangeBytes + 1 },
      { ...good, segmentBytes: limit.minSegmentBytes - 1 },
      { ...good, segmentBytes: limit.maxSegmentBytes + 1 },
    ]) {
      const into = room();
      const length = writeRequest(into, {
        token,
        cookie: token,
        timeUs: 1,
        paceBytesPerMs: 0,
        burstUs: 0,
        ranges: [good, bad],
      });
      expect(readRequest(into, 0, length)).toBeUndefined();
    }
  });

  test("noise never throws, whether it is recognized or not", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(8), fc.boolean(), (noise, k, ours) => {
        if (ours && noise.length > 1) {
          noise[0] = 0xa1;
          noise[1] = k;
        }
        const end = Math.max(0, datagramEnd(noise, 0));
        readInit(noise, 0, end);
        readCookie(noise, 0, end);
        readRequest(noise, 0, end);
        readGone(noise, 0, end);
        readData(noise, 0, end, emptyDataHeader());
      }),
      { numRuns: 5_000 },
    );
  });
});
