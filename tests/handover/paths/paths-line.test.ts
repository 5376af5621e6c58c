// The addresses of an end are read as written, and can't make the other end send anything to where
// no user's program is.

import { expect, test } from "bun:test";
import { paths as limits } from "../../../src/limits.ts";
import { kindOf } from "../../../src/handover/paths/own-addresses.ts";
import { decodePaths, encodePaths, isUsable } from "../../../src/handover/paths/paths-line.ts";
import { seeded } from "../../sim/random.ts";

const secret = new Uint8Array(limits.secretBytes).fill(7);

test("a line survives a round trip", () => {
  const line = {
    secret,
    local: true,
    addresses: [
      { address: "192.168.1.2", port: 40_123 },
      { address: "2001:db8::1", port: 65_535 },
    ],
    seen: { address: "198.51.100.7", port: 1_024 },
  };
  expect(decodePaths(encodePaths(line))).toEqual(line);
});

test("a line is read however another program orders and spaces it", () => {
  const text = Buffer.from(secret).toString("base64url");
  const line = `{ "local": true, "secret": "${text}", "addresses": [], "type": "paths" }`;
  expect(decodePaths(line)).toEqual({ secret, local: true, addresses: [], seen: undefined });
});

test("other lines, and lines without a secret, are ignored", () => {
  const good = encodePaths({ secret, local: false, addresses: [], seen: undefined });
  expect(decodePaths(good)).toBeDefined();
  const text = Buffer.from(secret).toString("base64url");
  for (const bad of [
    "",
    '{"type":"fetch"}',
    good.replace('"paths"', '"fetch","name":"paths"'),
    '{"type":"paths"}',
    '{"type":"paths","secret":"","local":true,"addresses":[]}',
    good.replace(text, "AAAA"),
    good.replace("false", "0"),
    good.replace("[]", "[1]"),
    good.replace("[]", "{}"),
    good.slice(0, -1),
  ]) {
    expect(decodePaths(bad)).toBeUndefined();
  }
});

test("forbidden addresses are omitted", () => {
  const addresses = [
    "0.0.0.0:5000",
    "224.0.0.1:5000",
    "169.254.1.1:5000",
    "10.0.0.1:53",
    "10.0.0.1:0",
    "10.0.0.1:70000",
    "example.org:5000",
    "10.1:5000",
    "[::]:5000",
    "[fe80::1]:5000",
    "[fe80::1%eth0]:5000",
    "[ff02::1]:5000",
    "[::ffff:10.0.0.1]:5000",
    "10.0.0.1",
    "",
    "10.0.0.2:5000",
  ];
  const text = Buffer.from(secret).toString("base64url");
  const line = JSON.stringify({
    type: "paths",
    secret: text,
    local: false,
    addresses,
    seen: undefined,
  });
  expect(decodePaths(line)?.addresses).toEqual([{ address: "10.0.0.2", port: 5_000 }]);
});

test("the number of addresses is limited", () => {
  const addresses = Array.from({ length: 40 }, (_, i) => ({ address: `10.0.0.${i}`, port: 5_000 }));
  const read = decodePaths(encodePaths({ secret, local: false, addresses, seen: undefined }));
  expect(read?.addresses.length).toBe(limits.maxTold);
});

test("noise is not a line, and does not throw", () => {
  const random = seeded(3);
  const line = encodePaths({
    secret,
    local: true,
    addresses: [{ address: "10.0.0.1", port: 5_000 }],
    seen: undefined,
  });
  for (let i = 0; i < 5_000; i++) {
    const chars = [...line];
    for (let j = 0; j < 1 + random() * 4; j++) {
      chars[Math.floor(random() * chars.length)] = String.fromCharCode(32 + random() * 95);
    }
    for (const { address, port } of decodePaths(chars.join(""))?.addresses ?? []) {
      expect(isUsable(address)).toBe(true);
      expect(port).toBeGreaterThanOrEqual(1_024);
    }
  }
});

test("the kind of path that leads to an address", () => {
  const own = ["192.168.1.7", "2001:db8::7"];
  const kinds = Object.fromEntries(
    ["127.0.0.1", "::1", ...own, "192.168.1.8", "172.31.0.1", "172.32.0.1", "100.64.0.1", "8.8.8.8"]
      .concat("2001:db8::8", "fd00::1")
      .map((address) => [address, kindOf(address, own)]),
  );
  expect(kinds).toEqual({
    "127.0.0.1": "loopback",
    "::1": "loopback",
    "192.168.1.7": "loopback",
    "2001:db8::7": "loopback",
    "192.168.1.8": "lan",
    "172.31.0.1": "lan",
    "172.32.0.1": "punched",
    "100.64.0.1": "lan",
    "8.8.8.8": "punched",
    "2001:db8::8": "ipv6",
    "fd00::1": "lan",
  });
});
