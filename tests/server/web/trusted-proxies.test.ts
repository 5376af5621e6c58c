// Which client a request is attributed to: only a trusted proxy's headers count.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { parseNetwork, TrustedProxies } from "../../../src/server/web/trusted-proxies.ts";

function trusting(...networks: string[]): TrustedProxies {
  return new TrustedProxies(networks.map((text) => parseNetwork(text)!));
}

const proxies = trusting("127.0.0.1", "::1", "10.0.0.0/8", "fd00::/8");

function client(peer: string, xForwardedFor?: string, forwarded?: string): string | undefined {
  const headers = new Headers();
  if (xForwardedFor !== undefined) headers.set("X-Forwarded-For", xForwardedFor);
  if (forwarded !== undefined) headers.set("Forwarded", forwarded);
  return proxies.clientOf(peer, headers);
}

describe("the client", () => {
  test("is the peer, unless the peer is a trusted proxy, whatever the headers say", () => {
    expect(client("192.0.2.1", "198.51.100.7", "for=198.51.100.7")).toBe("192.0.2.1");
    expect(
      new TrustedProxies().clientOf("127.0.0.1", new Headers({ Forwarded: "for=1.2.3.4" })),
    ).toBe("127.0.0.1");
    expect(client("127.0.0.1")).toBe("127.0.0.1");
  });

  test.each([
    ["198.51.100.7", "198.51.100.7"],
    ["6.6.6.6, 198.51.100.7", "198.51.100.7"],
    ["6.6.6.6,198.51.100.7,10.1.1.1 , 127.0.0.1", "198.51.100.7"],
    ["10.1.1.1, 10.2.2.2", "10.1.1.1"],
    ["198.51.100.7:5000", "198.51.100.7"],
    ["2001:DB8:0::1", "2001:db8::1"],
    ["[2001:db8::1]:443", "2001:db8::1"],
    ["::ffff:198.51.100.7", "198.51.100.7"],
    ["::FFFF:198.51.100.7", "198.51.100.7"],
    ["::ffff:c633:6407", "198.51.100.7"],
    ["fe80::1%eth0", "fe80::1"],
    ["unknown", undefined],
    ["6.6.6.6, unknown", undefined],
    ["6.6.6.6, unknown, 10.1.1.1", undefined],
    ["6.6.6.6,", undefined],
    ["", undefined],
    ["1.2.3", undefined],
    ["evil.example", undefined],
  ])("X-Forwarded-For %p of a trusted proxy is %p", (header, expected) => {
    expect(client("127.0.0.1", header)).toBe(expected);
    expect(client("fd12::1", header)).toBe(expected);
  });

  test.each([
    ["for=198.51.100.7", "198.51.100.7"],
    ["For=198.51.100.7;proto=https;by=203.0.113.43", "198.51.100.7"],
    ['proto=https; for="198.51.100.7:5000"', "198.51.100.7"],
    ['for="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17"],
    ["for=6.6.6.6, for=198.51.100.7, for=10.1.1.1", "198.51.100.7"],
    ['for="6.6.6.6, for=7.7.7.7", for=198.51.100.7', "198.51.100.7"],
    ['host="a;for=6.6.6.6";for=198.51.100.7', "198.51.100.7"],
    ['for=6.6.6.6;by="\\", for="[2001:db8::7]"', "2001:db8::7"],
    ['for=6.6.6.6;by=", for="[2001:db8::7]"', undefined],
    ['", for=198.51.100.7', undefined],
    ["for=6.6.6.6, for=_hidden", undefined],
    ["for=6.6.6.6, by=10.1.1.1", undefined],
    ["for=", undefined],
    ["nonsense", undefined],
    ["", undefined],
    [",", undefined],
  ])("Forwarded %p of a trusted proxy is %p", (header, expected) => {
    expect(client("10.9.9.9", undefined, header)).toBe(expected);
  });

  test("two headers must agree: one that the proxy does not set is the client's invention", () => {
    expect(client("127.0.0.1", "198.51.100.7", "for=198.51.100.7")).toBe("198.51.100.7");
    expect(client("127.0.0.1", "198.51.100.7", "for=6.6.6.6")).toBeUndefined();
    expect(client("127.0.0.1", "6.6.6.6", "for=198.51.100.7")).toBeUndefined();
  });

  const piece = fc.constantFrom(
    "for=",
    "1.2.3.4",
    "::1",
    '"',
    "\\",
    ",",
    ";",
    "[",
    "]",
    ":",
    "%",
    " ",
    "x",
    "10.0.0.1",
  );
  const header = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join("").trim());

  test("from any header is an address or undefined", () => {
    fc.assert(
      fc.property(header, header, (one, other) => {
        for (const found of [client("10.0.0.1", one, other), client("10.0.0.1", one)]) {
          if (found !== undefined) expect(parseNetwork(found)).toBeDefined();
        }
      }),
      { numRuns: 20_000 },
    );
  });

  test.each([
    ["198.51.100.7", "for=198.51.100.7"],
    ["2001:db8::7", 'for="[2001:db8::7]:4711";proto=https'],
    ["2001:db8::7", 'proto="https";for="[2001:db8::7]"'],
  ])("is %p or nobody, whatever the client sends before what the proxy appends", (own, hop) => {
    fc.assert(
      fc.property(header, (sent) => {
        const found = [
          client("10.0.0.1", `${sent}, ${own}`),
          client("10.0.0.1", undefined, `${sent}, ${hop}`),
        ];
        expect(found.filter((one) => one !== undefined && one !== own)).toEqual([]);
      }),
      { numRuns: 5_000 },
    );
  });
});

test.each([
  ["10.0.0.0/8", { address: "10.0.0.0", prefix: 8, family: "ipv4" }],
  ["127.0.0.1", { address: "127.0.0.1", prefix: 32, family: "ipv4" }],
  ["fd00::/8", { address: "fd00::", prefix: 8, family: "ipv6" }],
  ["::1", { address: "::1", prefix: 128, family: "ipv6" }],
  ["10.0.0.0/33", undefined],
  ["10.0.0.0/-1", undefined],
  ["10.0.0.0/", undefined],
  ["10.0.0.0/8/8", undefined],
  ["::/129", undefined],
  ["proxy.example", undefined],
  ["", undefined],
] as const)("the network %p is read as %p", (text, network) => {
  expect(parseNetwork(text)).toEqual(network);
});
