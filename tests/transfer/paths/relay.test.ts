// The relay forwards unchanged data between two ends that have proved their addresses, within its
// rates and its memory, and is useless for anyone else.

import { describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { relay as limits } from "../../../src/limits.ts";
import { ownerAt } from "../../../src/share-owner.ts";
import { noCookie, readJoined, writeJoin } from "../../../src/transfer/paths/path-wire.ts";
import { Relay, type RelayPair } from "../../../src/transfer/paths/relay.ts";
import type { UdpPath } from "../../../src/transfer/udp-path.ts";
import {
  dataHeaderBytes,
  kind,
  kindAt,
  readCookie,
  readGone,
  writeDataHeader,
} from "../../../src/transfer/wire.ts";
import { seeded } from "../../sim/random.ts";

const at = (address: string, port = 40_000): UdpPath => ({ address, port, local: "" });
const [ann, bob, eve] = [at("192.0.2.1"), at("192.0.2.2"), at("192.0.2.3")];
const token = (fill: number): Uint8Array => new Uint8Array(16).fill(fill);
const secondUs = 1_000_000;

const keyedHash = (message: Uint8Array) => createHmac("sha256", "key").update(message).digest();

function data(length: number, fill: number): Uint8Array {
  const bytes = new Uint8Array(dataHeaderBytes + length).fill(fill);
  writeDataHeader(bytes, 0, fill, fill, fill, 0, 0, 0, length);
  return bytes;
}

class Bed {
  nowUs = secondUs;
  readonly relay: Relay;
  readonly into = new Uint8Array(2_048);
  #pairs = 0;

  constructor(bytesPerSecond = 1e9) {
    this.relay = new Relay({ keyedHash, bytesPerSecond }, this.nowUs);
  }

  open(address = "198.51.100.1"): RelayPair & { tokens: [Uint8Array, Uint8Array] } {
    const tokens: [Uint8Array, Uint8Array] = [token(++this.#pairs * 2), token(this.#pairs * 2 + 1)];
    const pair = this.relay.open(tokens, ownerAt(address), this.nowUs);
    if (pair === undefined) throw new Error("refused");
    return Object.assign(pair, { tokens });
  }

  /** The relay's answer to a datagram from that address; undefined: the datagram is ignored. */
  receive(bytes: Uint8Array, from: UdpPath): Uint8Array | undefined {
    const length = this.relay.handleDatagrams(bytes, from, this.into, this.nowUs);
    return length === undefined ? undefined : this.into.slice(0, length);
  }

  join(own: Uint8Array, cookie: Uint8Array, from: UdpPath): Uint8Array {
    const bytes = new Uint8Array(96);
    writeJoin(bytes, { token: own, cookie, timeUs: 7 });
    return this.receive(bytes, from) ?? new Uint8Array(0);
  }

  /** The whole handshake; returns whether the other end was there. */
  enter(own: Uint8Array, from: UdpPath): boolean | undefined {
    const first = this.join(own, noCookie, from);
    const cookie = readCookie(first, 0, first.length);
    if (cookie === undefined) return undefined;
    const second = this.join(own, cookie.cookie, from);
    return readJoined(second, 0, second.length)?.isWhole;
  }

  /** A pair whose ends are at `ann` and `bob`. */
  whole(address?: string) {
    const pair = this.open(address);
    this.enter(pair.tokens[0], ann);
    this.enter(pair.tokens[1], bob);
    return pair;
  }

  /** Everything that may be sent now: `to length/datagramBytes`. */
  sent(): string[] {
    const sent: string[] = [];
    for (;;) {
      const relayed = this.relay.pollTransmit(this.nowUs);
      if (relayed === undefined) return sent;
      const { bytes, datagramBytes, path } = relayed;
      sent.push(`${path.address} ${bytes.length}/${datagramBytes}`);
    }
  }
}

describe("joining", () => {
  test("a cookie comes first, contains the address, and is no longer than the request", () => {
    const bed = new Bed();
    const { tokens } = bed.open();
    const answer = bed.join(tokens[0], noCookie, ann);
    expect(readCookie(answer, 0, answer.length)).toMatchObject({
      address: ann.address,
      port: 40_000,
    });
    expect(answer.length).toBeLessThan(96);
    expect(bed.enter(tokens[0], ann)).toBe(false);
    expect(bed.enter(tokens[1], bob)).toBe(true);
  });

  test("a cookie of another address, or for another token, is not valid", () => {
    const bed = new Bed();
    const { tokens } = bed.open();
    const first = bed.join(tokens[0], noCookie, ann);
    const { cookie } = readCookie(first, 0, first.length)!;
    for (const answer of [bed.join(tokens[0], cookie, eve), bed.join(tokens[1], cookie, ann)]) {
      expect(kindAt(answer, 0)).toBe(kind.cookie);
    }
    expect(bed.receive(data(100, 1), eve)).toBeUndefined();
  });

  test("a client without a valid token is told that there is nothing", () => {
    const bed = new Bed();
    bed.open();
    const answer = bed.join(token(99), noCookie, eve);
    expect(readGone(answer, 0, answer.length)).toBeDefined();
  });

  test("an end that returns from another address continues there, and the old address is dropped", () => {
    const bed = new Bed();
    const { tokens } = bed.whole();
    expect(bed.enter(tokens[0], eve)).toBe(true);
    bed.receive(data(100, 1), bob);
    expect(bed.sent()).toEqual([`${eve.address} 128/128`]);
    expect(bed.receive(data(100, 1), ann)).toBeUndefined();
  });

  test("an address that a router has given to another client belongs to it", () => {
    const bed = new Bed();
    const first = bed.whole();
    const second = bed.open();
    bed.enter(second.tokens[0], ann);
    bed.receive(data(100, 1), bob);
    expect(bed.sent()).toEqual([]);
    expect(bed.enter(first.tokens[0], ann)).toBe(true);
  });
});

describe("forwarding", () => {
  test("each end receives the other's data, and nobody else can send or receive anything", () => {
    const bed = new Bed();
    bed.whole();
    expect(bed.receive(data(1_000, 1), ann)).toEqual(new Uint8Array(0));
    expect(bed.receive(data(50, 2), bob)).toEqual(new Uint8Array(0));
    expect(bed.receive(data(50, 3), eve)).toBeUndefined();
    expect(bed.receive(data(50, 3), at(ann.address, 40_001))).toBeUndefined();
    expect(bed.sent()).toEqual([`${bob.address} 1028/1028`, `${ann.address} 78/78`]);
    expect(bed.relay.totals).toEqual({ datagrams: 2, bytes: 1_106, dropped: 0 });
  });

  test("a server that opens a socket for its address goes on, and answers from there after a JOIN", () => {
    const bed = new Bed();
    const { tokens } = bed.whole();
    const there: UdpPath = { ...ann, local: "198.51.100.99" };
    expect(bed.receive(data(1_000, 1), there)).toEqual(new Uint8Array(0));
    expect(bed.sent()).toEqual([`${bob.address} 1028/1028`]);
    expect(short(bed, data(972, 1), there)).toBe(`${bob.address} 1000`);
    bed.receive(data(50, 2), bob);
    expect(bed.relay.pollTransmit(bed.nowUs)?.path.local).toBe("");
    expect(bed.enter(tokens[0], there)).toBe(true);
    bed.receive(data(50, 2), bob);
    expect(bed.relay.pollTransmit(bed.nowUs)?.path).toEqual(there);
  });

  test("without the other end, nothing is kept", () => {
    const bed = new Bed();
    const { tokens } = bed.open();
    bed.enter(tokens[0], ann);
    bed.receive(data(1_000, 1), ann);
    expect(bed.relay.waitingBytes).toBe(0);
    bed.enter(tokens[1], bob);
    expect(bed.sent()).toEqual([]);
    expect(bed.relay.totals.dropped).toBe(1);
  });

  test("after the channel has closed, both ends are strangers", () => {
    const bed = new Bed();
    const pair = bed.whole();
    bed.receive(data(1_000, 1), ann);
    bed.relay.close(pair);
    expect(bed.sent()).toEqual([]);
    expect([bed.relay.size, bed.relay.waitingBytes]).toEqual([0, 0]);
    bed.open();
    expect(bed.receive(data(1_000, 1), ann)).toBeUndefined();
    expect(bed.join(pair.tokens[0], noCookie, ann)[1]).toBe(kind.gone);
  });

  test("merged datagrams stay together, and are split again", () => {
    const bed = new Bed();
    bed.whole();
    const merged = Buffer.concat([data(1_172, 1), data(1_172, 2), data(300, 3)]);
    bed.receive(merged, ann);
    expect(bed.sent()).toEqual([`${bob.address} 2728/1200`]);
    expect(bed.relay.totals.datagrams).toBe(3);
  });

  test("a JOIN that the kernel has merged with other datagrams is answered, and not forwarded", () => {
    const bed = new Bed();
    const { tokens } = bed.whole();
    const join = new Uint8Array(96);
    writeJoin(join, { token: tokens[0], cookie: noCookie, timeUs: 7 });
    const answer = bed.receive(Buffer.concat([data(572, 1), join]), ann)!;
    expect(readJoined(answer, 0, answer.length)?.isWhole).toBe(true);
    expect(bed.sent()).toEqual([`${bob.address} 600/600`]);
  });

  test("false lengths result in at most one datagram per 512 bytes", () => {
    const bed = new Bed();
    bed.whole();
    const random = seeded(11);
    for (let i = 0; i < 2_000; i++) {
      const bytes = new Uint8Array(1 + Math.floor(random() * 60_000));
      bytes[0] = 0xa2;
      bytes[1] = kind.data;
      bytes[2] = random() < 0.5 ? 0 : Math.floor(random() * 256);
      bytes[3] = Math.floor(random() * 256);
      bed.nowUs += secondUs;
      bed.receive(bytes, ann);
      const relayed = bed.relay.pollTransmit(bed.nowUs)!;
      expect(relayed.bytes).toEqual(bytes);
      expect(Math.ceil(bytes.length / relayed.datagramBytes)).toBeLessThanOrEqual(
        Math.ceil(bytes.length / 512),
      );
    }
  });
});

/** Bytes delivered in two seconds, out of `offered` bytes per second each way. */
function carried(bed: Bed, from: readonly UdpPath[], offered: number): Map<string, number> {
  const got = new Map<string, number>();
  const step = 1_000;
  const each = Math.round((offered * step) / secondUs / 1_000);
  for (let us = 0; us < 2 * secondUs; us += step) {
    bed.nowUs += step;
    for (const path of from) for (let i = 0; i < each; i++) bed.receive(data(972, 1), path);
    for (const line of bed.sent()) {
      const [to = "", length = ""] = line.split(" ");
      got.set(to, (got.get(to) ?? 0) + Number(length.split("/")[0]));
    }
  }
  return got;
}

describe("rates", () => {
  test("0 relays nothing", () => {
    const bed = new Bed(0);
    expect(() => bed.open()).toThrow("refused");
  });

  test("data above the rate is dropped, and little of it is queued", () => {
    const bed = new Bed(1_000_000);
    bed.whole("127.0.0.1");
    const got = carried(bed, [ann], 10_000_000).get(bob.address)!;
    expect(got).toBeGreaterThan(1_700_000);
    expect(got).toBeLessThan(2_300_000);
    expect(bed.relay.waitingBytes).toBeLessThanOrEqual(limits.minQueueBytes);
    expect(bed.relay.totals.dropped).toBeGreaterThan(10_000);
  });

  test("one network may use half of it, which leaves the other half to others", () => {
    const bed = new Bed(2_000_000);
    const first = bed.whole("198.51.100.1");
    const [cal, dan] = [at("192.0.2.4"), at("192.0.2.5")];
    const alone = carried(bed, [ann], 20_000_000).get(bob.address)!;
    expect(alone).toBeLessThan(2_300_000);
    // With as many channels as it likes.
    const second = bed.open("198.51.100.1");
    bed.enter(second.tokens[0], at("192.0.2.6"));
    bed.enter(second.tokens[1], at("192.0.2.7"));
    const other = bed.open("198.51.100.2");
    bed.enter(other.tokens[0], cal);
    bed.enter(other.tokens[1], dan);
    const got = carried(bed, [ann, at("192.0.2.6"), cal], 20_000_000);
    const mine = (got.get(bob.address) ?? 0) + (got.get("192.0.2.7") ?? 0);
    expect(mine).toBeLessThan(2_300_000);
    expect(got.get(dan.address)).toBeGreaterThan(1_500_000);
    bed.relay.close(first);
  });

  test("a flood in one direction delays the other by no more than the queue", () => {
    const bed = new Bed(1_000_000);
    bed.whole("127.0.0.1");
    const got = carried(bed, [ann, bob], 5_000_000);
    expect(got.get(ann.address)!).toBeGreaterThan(0.6 * got.get(bob.address)!);
    expect(got.get(bob.address)!).toBeGreaterThan(0.6 * got.get(ann.address)!);
  });

  test("all queues together are bounded", () => {
    const bed = new Bed(1e9);
    const pairs = Array.from({ length: 200 }, (_, i) => {
      const pair = bed.open("127.0.0.1");
      bed.enter(pair.tokens[0], at(`192.0.2.${i}`, 41_000));
      bed.enter(pair.tokens[1], at(`192.0.2.${i}`, 42_000));
      return pair;
    });
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < pairs.length; i++) {
        bed.receive(data(60_000, 1), at(`192.0.2.${i}`, 41_000));
      }
    }
    expect(bed.relay.waitingBytes).toBeLessThan(limits.maxWaitingBytes);
    for (const pair of pairs) bed.relay.close(pair);
    expect([bed.relay.waitingBytes, bed.relay.size]).toEqual([0, 0]);
  });

  test("the number of relays is bounded", () => {
    const bed = new Bed();
    for (let i = 0; i < limits.maxPairs; i++) {
      const tokens = [new Uint8Array(16), new Uint8Array(16)] as const;
      new DataView(tokens[0].buffer).setUint32(0, 2 * i + 1);
      new DataView(tokens[1].buffer).setUint32(0, 2 * i + 2);
      expect(bed.relay.open(tokens, ownerAt("127.0.0.1"), bed.nowUs)).toBeDefined();
    }
    expect(() => bed.open()).toThrow("refused");
  });
});

test("for any input, nothing throws and no answer is longer than the input", () => {
  const bed = new Bed();
  bed.whole();
  const random = seeded(5);
  for (let i = 0; i < 20_000; i++) {
    const bytes = Uint8Array.from({ length: Math.floor(random() * 150) }, () => random() * 256);
    if (random() < 0.9 && bytes.length > 3) {
      bytes[0] = 0xa2;
      bytes[1] = random() * 9;
      bytes[2] = 0;
      bytes[3] = random() < 0.8 ? bytes.length - 4 : bytes[3]!;
      if (bytes[1] === kind.join && bytes.length >= 20 && random() < 0.5)
        bytes.set(token(2 + (i % 2)), 4);
    }
    const answer = bed.receive(bytes, [ann, bob, eve][i % 3]!);
    expect(answer?.length ?? 0).toBeLessThanOrEqual(bytes.length);
    bed.nowUs += 1_000;
    for (const line of bed.sent()) expect(line).not.toContain(eve.address);
  }
});

/** The destination of the fast path. */
function short(bed: Bed, bytes: Uint8Array, from: UdpPath): string | false | undefined {
  // In memory that is reused.
  const slot = new Uint8Array(65_507).fill(0xee);
  slot.set(bytes);
  const to = bed.relay.forward(slot, bytes.length, from, bed.nowUs);
  return typeof to === "object" ? `${to.path.address} ${to.datagramBytes}` : to;
}

describe("the short way", () => {
  test("is for data from one end to the other, and counts it", () => {
    const bed = new Bed();
    const { tokens } = bed.whole();
    expect(short(bed, data(972, 1), ann)).toBe(`${bob.address} 1000`);
    const merged = Buffer.concat([data(1_172, 1), data(1_172, 2), data(300, 3)]);
    expect(short(bed, merged, bob)).toBe(`${ann.address} 1200`);
    expect(bed.relay.totals).toEqual({ datagrams: 4, bytes: 3_728, dropped: 0 });
    const join = new Uint8Array(96);
    writeJoin(join, { token: tokens[0], cookie: noCookie, timeUs: 7 });
    expect(short(bed, join, ann)).toBeUndefined();
    expect(short(bed, Buffer.concat([data(572, 1), join]), ann)).toBeUndefined();
    expect(short(bed, data(972, 1), eve)).toBeUndefined();
  });

  test("is closed while the other end is missing", () => {
    const bed = new Bed();
    const { tokens } = bed.open();
    bed.enter(tokens[0], ann);
    expect(short(bed, data(972, 1), ann)).toBe(false);
    expect(bed.relay.totals.dropped).toBe(1);
  });

  test("respects the rate: excess data waits its turn, or is dropped unread", () => {
    const bed = new Bed(1_000_000);
    bed.whole("127.0.0.1");
    let [passed, waiting, dropped] = [0, 0, 0];
    for (let us = 0; us < secondUs; us += 1_000) {
      bed.nowUs += 1_000;
      for (let i = 0; i < 10; i++) {
        const to = short(bed, data(972, 1), ann);
        if (to === false) dropped++;
        else if (to === undefined) {
          waiting++;
          bed.receive(data(972, 1), ann);
        } else passed++;
      }
      bed.sent();
    }
    const { totals } = bed.relay;
    expect(totals.bytes).toBeLessThan(1_150_000);
    expect(totals.bytes).toBeGreaterThan(900_000);
    expect(totals.datagrams + totals.dropped).toBeGreaterThan(10_000 - 100);
    expect(dropped).toBeGreaterThan(5_000);
    expect(passed + waiting + dropped).toBe(10_000);
  });

  test("never overtakes queued data", () => {
    const bed = new Bed(1_000_000);
    bed.whole("127.0.0.1");
    while (short(bed, data(972, 1), ann) !== undefined);
    bed.receive(data(50, 2), ann);
    bed.nowUs += 100_000;
    expect(short(bed, data(972, 3), ann)).toBeUndefined();
    expect(bed.sent()).toEqual([`${bob.address} 78/78`]);
    expect(short(bed, data(972, 3), ann)).toBe(`${bob.address} 1000`);
  });
});
