// Addresses in users' notation.

import { expect, test } from "bun:test";
import { isLoopback, networkOf } from "../../src/addresses.ts";
import {
  callableHost,
  notOwnAddress,
  parseAddress,
  parseHostPort,
  reachableHosts,
  socketReason,
} from "../../src/io/host-port.ts";

test.each([
  ["127.0.0.1:8080", { host: "127.0.0.1", port: 8080 }],
  ["example.org:1", { host: "example.org", port: 1 }],
  [" localhost:65535 ", { host: "localhost", port: 65_535 }],
  ["[::1]:80", { host: "::1", port: 80 }],
  ["[fe80::1%eth0]:80", { host: "fe80::1%eth0", port: 80 }],
  ["[fe80::1%]:80", undefined],
  ["[fe80::1%a b]:80", undefined],
  ["::1:80", undefined],
  ["host", undefined],
  ["host:", undefined],
  [":80", undefined],
  ["host:0", undefined],
  ["host:65536", undefined],
  ["host:8o", undefined],
  ["a b:80", undefined],
  ["http://host:80", undefined],
])("%p is read as %p", (text, address) => {
  expect(parseHostPort(text)).toEqual(address);
});

test.each([
  ["host", { host: "host", port: 7 }],
  ["host:80", { host: "host", port: 80 }],
  ["10.0.0.1", { host: "10.0.0.1", port: 7 }],
  ["[::1]", { host: "::1", port: 7 }],
  ["fe80::1", { host: "fe80::1", port: 7 }],
  ["[fe80::1%wlan0.1]", { host: "fe80::1%wlan0.1", port: 7 }],
  ["[::1]:80", { host: "::1", port: 80 }],
  ["host:", undefined],
  ["host:0", undefined],
  [":80", undefined],
  ["", undefined],
  ["a b", undefined],
  ["http://host", undefined],
  ["[host]", undefined],
])("%p with a default port is read as %p", (text, address) => {
  expect(parseAddress(text, 7)).toEqual(address);
});

test("addresses that only this machine can reach", () => {
  for (const host of ["127.0.0.1", "127.9.9.9", "localhost", "::1", "::ffff:127.0.0.1"])
    expect(isLoopback(host)).toBe(true);
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.evil.org"])
    expect(isLoopback(host)).toBe(false);
});

const interfaces = {
  lo: [{ address: "127.0.0.1", family: "IPv4", internal: true }],
  eth0: [
    { address: "192.168.1.5", family: "IPv4", internal: false },
    { address: "fe80::1", family: "IPv6", internal: false },
    { address: "2001:db8::5", family: "IPv6", internal: false },
  ],
  wlan0: [{ address: "10.0.0.7", family: "IPv4", internal: false }],
};

test("addresses that other machines can use come first, loopback last", () => {
  expect(reachableHosts("0.0.0.0", interfaces)).toEqual(["192.168.1.5", "10.0.0.7", "127.0.0.1"]);
  expect(reachableHosts("::", interfaces)).toEqual([
    "192.168.1.5",
    "2001:db8::5",
    "10.0.0.7",
    "::1",
  ]);
  expect(reachableHosts("10.0.0.7", interfaces)).toEqual(["10.0.0.7"]);
  expect(reachableHosts("0.0.0.0", {})).toEqual(["127.0.0.1"]);
});

test("a listener on all addresses is called at one that others can use", () => {
  expect(callableHost("10.1.2.3", interfaces)).toBe("10.1.2.3");
  expect(callableHost("0.0.0.0", interfaces)).toBe("192.168.1.5");
  expect(callableHost("::", interfaces)).toBe("2001:db8::5");
  expect(callableHost("0.0.0.0", {})).toBe("127.0.0.1");
  expect(callableHost("::", {})).toBe("::1");
  expect(callableHost("0.0.0.0")).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
});

test("a host that is not an address of this machine, as reported by TCP and UDP", async () => {
  for (const host of ["192.0.2.1", "nowhere.invalid", "256.1.1.1"]) {
    const errors: unknown[] = [];
    for (const open of [
      () => Bun.listen({ hostname: host, port: 0, socket: { data() {} } }),
      () => Bun.udpSocket({ hostname: host, port: 0 }),
    ]) {
      try {
        await open();
      } catch (error) {
        errors.push(error);
      }
    }
    const sentences = errors.map((error) => notOwnAddress(host, error)?.message);
    expect(sentences).toHaveLength(2);
    for (const sentence of sentences)
      expect(sentence).toStartWith(
        `--host '${host}' is not an address of this machine: use 127.0.0.1`,
      );
  }
  const noZone = Object.assign(new Error("bind EINVAL fe80::1"), { code: "EINVAL" });
  expect(notOwnAddress("fe80::1", noZone)?.message).toBe(
    "--host 'fe80::1' is a link-local address: add its network interface, such as fe80::1%eth0",
  );
  expect(notOwnAddress("fe80::1%eth0", noZone)).toBeUndefined();
  const taken = Object.assign(new Error("Failed to listen at 127.0.0.1"), { code: "EADDRINUSE" });
  expect(notOwnAddress("127.0.0.1", taken)).toBeUndefined();
});

test("errors of the system, in words, without escapes", () => {
  expect(socketReason(Object.assign(new Error("x"), { code: "ECONNREFUSED" }))).toBe(
    "connection refused",
  );
  expect(socketReason(new Error("odd\x1b[31m\nthing"))).toBe("odd thing");
  expect(socketReason({ code: "toString" })).toBe("[object Object]");
});

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["127.0.0.1", "127.0.0.1"],
  ["::1", "::1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::", "2001:db8:1:2::/64"],
  ["2001:DB8:1:2::9", "2001:db8:1:2::/64"],
  ["2001:db8::9", "2001:db8:0:0::/64"],
  ["2001:db8::3:4:5:6:7", "2001:db8:0:3::/64"],
  ["::2:3:4:5:6:7:8", "0:2:3:4::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
])("%p counts as %p", (address, network) => {
  expect(networkOf(address)).toBe(network);
  expect(networkOf(network)).toBe(network);
});
