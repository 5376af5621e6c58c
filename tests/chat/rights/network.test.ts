// Networks in operators' notation, and addresses in every spelling.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { networkText, readAddress, readNetwork } from "../../../src/chat/rights/network.ts";

function shown(text: string): string {
  const network = readNetwork(text);
  return typeof network === "string" ? `not: ${network}` : networkText(network);
}

test.each([
  ["198.51.100.7", "198.51.100.7"],
  ["198.51.100.7/24", "198.51.100.0/24"],
  ["::ffff:198.51.100.7", "198.51.100.7"],
  ["::FFFF:198.51.100.7", "198.51.100.7"],
  ["::ffff:c633:6407", "198.51.100.7"],
  ["0:0:0:0:0:ffff:c633:6407", "198.51.100.7"],
  ["::ffff:198.51.100.7/24", "198.51.100.0/24"],
  ["::ffff:198.51.100.7/120", "198.51.100.0/24"],
  ["::ffff:c633:6407/128", "198.51.100.7"],
  ["2001:db8::1", "2001:db8::/64"],
  ["2001:DB8:0:0:1:2:3:4", "2001:db8::/64"],
  ["2001:db8:ff00::/40", "2001:db8:ff00::/40"],
  ["2001:db8:ff01::/40", "2001:db8:ff00::/40"],
  ["::1", "::/64"],
])("%s is the network %s", (text, network) => {
  expect(shown(text)).toBe(network);
});

test.each([
  "",
  "Bob",
  "1.2.3",
  "1.2.3.256",
  "01.2.3.4",
  "1.2.3.4/33",
  "1.2.3.4/7",
  "1.2.3.4/",
  "1.2.3.4/8/8",
  "2001:db8::1::2",
  "2001:db8::/129",
  "2001:db8::/15",
  "fe80::1%eth0",
  "::ffff:198.51.100.7/95",
  "::ffff:198.51.100.7/100",
  "::ffff:198.51.100.7/129",
  "[::1]",
  "::1]/x",
  "g::1",
])("%p is none", (text) => {
  expect(typeof readNetwork(text)).toBe("string");
});

test("a network survives a round trip through text, and contains the addresses it was made from", () => {
  const ipv4 = fc.tuple(fc.ipV4(), fc.integer({ min: 8, max: 32 }));
  const ipv6 = fc.tuple(fc.ipV6(), fc.integer({ min: 16, max: 128 }));
  fc.assert(
    fc.property(fc.oneof(ipv4, ipv6), ([address, prefix]) => {
      const network = readNetwork(`${address}/${prefix}`);
      const read = readAddress(address)!;
      // The networks of IPv4-mapped addresses are those of IPv4.
      if (typeof network === "string") return expect(read.family).toBe(4);
      expect(readNetwork(networkText(network))).toEqual(network);
      const rest = BigInt((read.family === 4 ? 32 : 128) - network.prefix);
      expect(read.bits >> rest).toBe(network.bits >> rest);
    }),
  );
});
