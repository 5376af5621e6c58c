// Spoofed datagrams change nothing, and nothing is sent to an unvalidated address. One test per
// attack.

import { createHmac } from "node:crypto";
import { describe, expect, test } from "bun:test";
import { transfer as limit, udpTransfer as udp } from "../../src/limits.ts";
import type { RangePicker } from "../../src/transfer/range-picker.ts";
import { Receiver } from "../../src/transfer/receiver.ts";
import type { UdpPath } from "../../src/transfer/udp-path.ts";
import { Sender } from "../../src/transfer/sender.ts";
import {
  dataHeaderBytes,
  goneReason,
  initBytes,
  kind,
  maxSendNumber,
  kindAt,
  readCookie,
  readData,
  emptyDataHeader,
  readGone,
  tagOf,
  writeCookie,
  writeDataHeader,
  writeGone,
  writeInit,
  writeRequest,
} from "../../src/transfer/wire.ts";

const token = new Uint8Array(16).map((_, i) => i * 7 + 1);
const otherToken = new Uint8Array(16).map((_, i) => i * 5 + 3);
const file = new Uint8Array(100_000).map((_, i) => i * 13);
const home: UdpPath = { address: "192.0.2.1", port: 4_000, local: "" };
const elsewhere: UdpPath = { address: "198.51.100.9", port: 4_000, local: "" };
const ranges = [{ firstSeq: 0, offset: 0, length: 50_000, segmentBytes: 1_200 }];

function pathOf(address: string, port: number): UdpPath {
  return { address, port, local: "" };
}

function server(): Sender {
  const sender = new Sender({
    keyedHash: (message) => createHmac("sha256", "secret").update(message).digest(),
  });
  const read = (offset: number, into: Uint8Array, at: number, length: number): number => {
    into.set(file.subarray(offset, offset + length), at);
    return Math.min(length, file.length - offset);
  };
  const source = { read, takeSealedBytes: () => 0 };
  sender.open(token, file.length, source);
  sender.open(otherToken, file.length, source);
  return sender;
}

const buffer = new Uint8Array(65_536);
const into = new Uint8Array(limit.maxRequestBytes);

function initOf(which: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(initBytes);
  writeInit(bytes, { token: which, timeUs: 1 });
  return bytes;
}

function requestOf(which: Uint8Array, cookie: Uint8Array, count = ranges.length): Uint8Array {
  const bytes = new Uint8Array(limit.maxRequestBytes);
  const request = {
    token: which,
    cookie,
    timeUs: 1,
    paceBytesPerMs: 0,
    burstUs: 0,
    ranges: ranges.slice(0, count),
  };
  return bytes.slice(0, writeRequest(bytes, request));
}

/** The server's cookie for a path and token. */
function cookieFor(sender: Sender, nowUs: number, from: UdpPath, which = token): Uint8Array {
  const length = sender.handleDatagrams(initOf(which), from, into, nowUs);
  return readCookie(into, 0, length)!.cookie;
}

describe("the server sends no data", () => {
  test("to a client that knows the token but has no cookie", () => {
    const sender = server();
    sender.handleDatagrams(requestOf(token, new Uint8Array(16)), home, into, 0);
    expect(sender.pollTransmit(buffer, 0)).toBeUndefined();
  });

  test("for a wrong token, whatever the cookie", () => {
    const sender = server();
    const wrong = token.map((byte) => byte ^ 1);
    const cookie = cookieFor(sender, 0, home, wrong);
    const length = sender.handleDatagrams(requestOf(wrong, cookie), home, into, 0);
    expect(readGone(into, 0, length)).toEqual({ token: wrong, reason: goneReason.unknown });
    expect(sender.pollTransmit(buffer, 0)).toBeUndefined();
  });

  test("for a cookie with any bit flipped", () => {
    const sender = server();
    const cookie = cookieFor(sender, 0, home);
    for (let bit = 0; bit < cookie.length * 8; bit++) {
      const forged = cookie.slice();
      forged[bit >> 3]! ^= 1 << (bit & 7);
      sender.handleDatagrams(requestOf(token, forged), home, into, 0);
      expect(sender.pollTransmit(buffer, 0)).toBeUndefined();
    }
  });

  test("to another address that replays a cookie (spoofed source)", () => {
    const sender = server();
    const cookie = cookieFor(sender, 0, home);
    sender.handleDatagrams(requestOf(token, cookie), elsewhere, into, 0);
    expect(sender.pollTransmit(buffer, 0)).toBeUndefined();
    sender.handleDatagrams(requestOf(token, cookie), pathOf("192.0.2.1", 4_001), into, 0);
    expect(sender.pollTransmit(buffer, 0)).toBeUndefined();
    // The legitimate owner is still served.
    sender.handleDatagrams(requestOf(token, cookie), home, into, 0);
    expect(sender.pollTransmit(buffer, 0)?.path.address).toBe(home.address);
  });

  test("for a cookie of another token", () => {
    const sender = server();
    const cookie = cookieFor(sender, 0, home, otherToken);
    sender.handleDatagrams(requestOf(token, cookie), home, into, 0);
    expect(sender.pollTransmit(buffer, 0)).toBeUndefined();
  });

  test("for a cookie that has expired", () => {
    const sender = server();
    const cookie = cookieFor(sender, 0, home);
    const lateUs = 2 * udp.cookieLifeUs;
    sender.handleDatagrams(requestOf(token, cookie), home, into, lateUs);
    expect(sender.pollTransmit(buffer, lateUs)).toBeUndefined();
    // Nor when the epoch, of which eight bits are transmitted, wraps around.
    const roundUs = 256 * udp.cookieLifeUs;
    sender.handleDatagrams(requestOf(token, cookie), home, into, roundUs);
    expect(sender.pollTransmit(buffer, roundUs)).toBeUndefined();
  });

  test("over the control connection to an address that the cookie does not prove", () => {
    const sender = server();
    const cookie = cookieFor(sender, 0, home);
    expect(sender.handleFirstRequest(requestOf(token, cookie), [elsewhere], 0)).toBe(false);
    expect(sender.pollTransmit(buffer, 0)).toBeUndefined();
    expect(sender.handleFirstRequest(requestOf(token, cookie), [home], 0)).toBe(true);
    expect(sender.pollTransmit(buffer, 0)?.path.address).toBe(home.address);
  });

  test("to a client that sent its request to another of our addresses", () => {
    const sender = server();
    const first = { ...home, local: "203.0.113.1" };
    const second = { ...home, local: "203.0.113.2" };
    const cookie = cookieFor(sender, 0, first);
    sender.handleDatagrams(requestOf(token, cookie), second, into, 0);
    expect(sender.pollTransmit(buffer, 0)).toBeUndefined();
    expect(sender.handleFirstRequest(requestOf(token, cookie), [second], 0)).toBe(false);
    expect(sender.handleFirstRequest(requestOf(token, cookie), [second, first], 0)).toBe(true);
    expect(sender.pollTransmit(buffer, 0)?.path).toEqual(first);
  });

  test("twice for a replayed request", () => {
    const sender = server();
    const request = requestOf(token, cookieFor(sender, 0, home));
    sender.handleDatagrams(request, home, into, 0);
    expect(sender.backlogBytes).toBe(50_000);
    for (let i = 0; i < 5; i++) sender.handleDatagrams(request, home, into, 0);
    expect(sender.backlogBytes).toBe(50_000);
  });
});

describe("amplification", () => {
  test("before an address is proven, no answer is longer than its request", () => {
    const sender = server();
    const none = new Uint8Array(16);
    const long = "2001:db8:1111:2222:3333:4444:255.255.255.255";
    const attempts = [
      initOf(token),
      requestOf(token, none),
      requestOf(token, none, 0),
      requestOf(new Uint8Array(16), none, 0),
      // Several in one buffer, as merged by the kernel.
      new Uint8Array([...requestOf(token, none, 0), ...initOf(token)]),
    ];
    for (const attempt of attempts) {
      for (const address of ["1.2.3.4", long]) {
        const length = sender.handleDatagrams(attempt, pathOf(address, 9), into, 0);
        expect(length).toBeLessThanOrEqual(attempt.length);
      }
      for (let cut = 0; cut < attempt.length; cut++) {
        const length = sender.handleDatagrams(attempt.slice(0, cut), pathOf(long, 9), into, 0);
        expect(length).toBeLessThanOrEqual(cut);
      }
    }
    expect(sender.pollTransmit(buffer, 0)).toBeUndefined();
  });

  test("the queue of a client that requests endless ranges stays bounded", () => {
    const sender = server();
    const cookie = cookieFor(sender, 0, home);
    const bytes = new Uint8Array(limit.maxRequestBytes);
    for (let i = 0; i < 5_000; i++) {
      const many = Array.from({ length: 60 }, (_, k) => ({
        // With gaps, so that the send numbers can't be remembered as one range.
        firstSeq: (i * 60 + k) * 2,
        offset: 0,
        length: 600,
        segmentBytes: 600,
      }));
      const length = writeRequest(bytes, {
        token,
        cookie,
        timeUs: 0,
        paceBytesPerMs: 0,
        burstUs: 0,
        ranges: many,
      });
      sender.handleDatagrams(bytes.slice(0, length), home, into, 0);
    }
    expect(sender.backlogBytes).toBeLessThanOrEqual(600 * udp.maxQueuedRanges);
  });

  test("requests for more than any client can receive leave a bounded queue", () => {
    const sender = server();
    const great = new Uint8Array(limit.tokenBytes).fill(7);
    sender.open(great, 2 ** 40, {
      read: (_offset, _into, _at, length) => length,
      takeSealedBytes: () => 0,
    });
    const cookie = cookieFor(sender, 0, home, great);
    const bytes = new Uint8Array(limit.maxRequestBytes);
    const ranges = Array.from({ length: 40 }, (_, k) => ({
      firstSeq: k * 10_000,
      offset: k * udp.maxRangeBytes,
      length: udp.maxRangeBytes,
      segmentBytes: 1_200,
    }));
    const request = { token: great, cookie, timeUs: 0, paceBytesPerMs: 1, burstUs: 0, ranges };
    const length = writeRequest(bytes, request);
    sender.handleDatagrams(bytes.slice(0, length), home, into, 0);
    expect(sender.backlogBytes).toBeGreaterThan(0);
    expect(sender.backlogBytes).toBeLessThanOrEqual(udp.maxBacklogBytes);
  });
});

interface Client {
  receiver: Receiver;
  written: [number, number][];
}

/** A client in the middle of a transfer, with its first request in flight. */
function client(): Client {
  const written: [number, number][] = [];
  const receiver = new Receiver({
    token,
    sink: (offset, _source, _at, length) => written.push([offset, length]),
  });
  receiver.pollTransmit(into, 0);
  const cookie = {
    token,
    cookie: new Uint8Array(16),
    echoUs: 0,
    address: home.address,
    port: home.port,
  };
  const bytes = new Uint8Array(initBytes);
  receiver.handleDatagrams(bytes.slice(0, writeCookie(bytes, cookie)), 10_000);
  receiver.pollFirstRequest(into, 10_000);
  receiver.handleOffer(file.length, 1_444, 20_000);
  return { receiver, written };
}

function segment(tag: { high: number; low: number }, seq: number, offset: number, length = 1_200) {
  const bytes = new Uint8Array(dataHeaderBytes + length);
  writeDataHeader(bytes, 0, tag.high, tag.low, seq, 10_000, offset, 0, length);
  return bytes;
}

describe("the client", () => {
  test("accepts a requested segment, once", () => {
    const { receiver, written } = client();
    receiver.handleDatagrams(segment(tagOf(token), 3, 3_600), 30_000);
    receiver.handleDatagrams(segment(tagOf(token), 3, 3_600), 30_001);
    expect(written).toEqual([[3_600, 1_200]]);
  });

  test("ignores a segment without the secret of its token", () => {
    const { receiver, written } = client();
    const tag = tagOf(token);
    receiver.handleDatagrams(segment({ high: tag.high, low: tag.low ^ 1 }, 0, 0), 30_000);
    receiver.handleDatagrams(segment({ high: tag.high ^ 1, low: tag.low }, 0, 0), 30_000);
    receiver.handleDatagrams(segment({ high: 0, low: 0 }, 0, 0), 30_000);
    expect(written).toEqual([]);
  });

  test("ignores a segment that it has not requested, even with the secret", () => {
    const { receiver, written } = client();
    const tag = tagOf(token);
    receiver.handleDatagrams(segment(tag, 999, 0), 30_000);
    receiver.handleDatagrams(segment(tag, 0, 1_200), 30_000);
    receiver.handleDatagrams(segment(tag, 1, 1_201), 30_000);
    receiver.handleDatagrams(segment(tag, 0, 0, 1_201), 30_000);
    receiver.handleDatagrams(segment(tag, 0, 0, 1_199), 30_000);
    receiver.handleDatagrams(segment(tag, 0xffff_ffff, limit.maxFileBytes), 30_000);
    expect(written).toEqual([]);
  });

  test("continues under another token before the send numbers wrap around", () => {
    const { receiver } = client();
    const { segments } = (receiver as unknown as { picker: RangePicker }).picker;
    segments.nextSeq = maxSendNumber;
    receiver.pollTransmit(into, 30_000);
    expect(receiver.state).toBe("running");
    segments.nextSeq++;
    expect(receiver.pollTransmit(into, 30_001)).toBe(0);
    expect(receiver.state).toBe("gone");
  });

  test("does not end because of a GONE of another token, or of one from before the offer", () => {
    const { receiver } = client();
    const bytes = new Uint8Array(64);
    const other = bytes.slice(
      0,
      writeGone(bytes, { token: otherToken, reason: goneReason.changed }),
    );
    receiver.handleDatagrams(other, 30_000);
    const early = bytes.slice(0, writeGone(bytes, { token, reason: goneReason.unknown }));
    receiver.handleDatagrams(early, 30_000);
    expect(receiver.state).toBe("running");
  });

  test.each(["changed", "unreadable"] as const)("learns from GONE that the file is %s", (why) => {
    const { receiver } = client();
    const bytes = new Uint8Array(64);
    const length = writeGone(bytes, { token, reason: goneReason[why] });
    receiver.handleDatagrams(bytes.slice(0, length), 30_000);
    expect(receiver.state).toBe(why);
  });

  test("ignores a cookie for another token", () => {
    const { receiver } = client();
    const bytes = new Uint8Array(initBytes);
    const forged = {
      token: otherToken,
      cookie: new Uint8Array(16).fill(9),
      echoUs: 0,
      address: elsewhere.address,
      port: 1,
    };
    receiver.handleDatagrams(bytes.slice(0, writeCookie(bytes, forged)), 30_000);
    expect(receiver.cookie?.address).toBe(home.address);
  });

  test("a changed address gets data only after a new cookie", () => {
    const sender = server();
    const cookie = cookieFor(sender, 0, home);
    sender.handleDatagrams(requestOf(token, cookie), home, into, 0);
    while (sender.pollTransmit(buffer, 0));
    const later = [{ firstSeq: 900, offset: 60_000, length: 1_200, segmentBytes: 1_200 }];
    const padded = Array.from({ length: 4 }, () => later[0]!);
    const bytes = new Uint8Array(limit.maxRequestBytes);
    const old = { token, cookie, timeUs: 5, paceBytesPerMs: 0, burstUs: 0, ranges: padded };
    const length = sender.handleDatagrams(
      bytes.slice(0, writeRequest(bytes, old)),
      elsewhere,
      into,
      1,
    );
    // No data yet, only a cookie to request them.
    expect(sender.pollTransmit(buffer, 1)).toBeUndefined();
    expect(kindAt(into, 0)).toBe(kind.cookie);
    const fresh = readCookie(into, 0, length)!;
    expect(fresh.address).toBe(elsewhere.address);
    const again = { ...old, cookie: fresh.cookie };
    sender.handleDatagrams(bytes.slice(0, writeRequest(bytes, again)), elsewhere, into, 2);
    const burst = sender.pollTransmit(buffer, 2)!;
    expect(burst.path.address).toBe(elsewhere.address);
    const header = emptyDataHeader();
    expect(readData(buffer, 0, burst.bytes, header)).toBe(true);
    expect(header.offset).toBe(60_000);
  });
});
