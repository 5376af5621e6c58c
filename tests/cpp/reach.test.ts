// Which addresses may be handed out and connected to.

import { expect, test } from "bun:test";
import { mayConnect, mayHandOut, scopeOf } from "../../src/cpp/reach.ts";

test("the scope of an address, however it is written", () => {
  const machine = ["127.0.0.1", "127.9.9.9", "::1", "0:0:0:0:0:0:0:1", "localhost", "LOCALHOST"];
  const unspecified = ["0.0.0.0", "0.1.2.3", "::", "0:0:0:0:0:0:0:0"];
  const mapped = ["::ffff:127.0.0.1", "::FFFF:7f00:1", "0:0:0:0:0:ffff:127.0.0.1", "::ffff:0:0"];
  for (const address of [...machine, ...unspecified, ...mapped]) {
    expect([address, scopeOf(address)]).toEqual([address, "machine"]);
  }
  for (const address of ["169.254.169.254", "::ffff:a9fe:a9fe", "fe80::1", "FEBF::1%eth0"]) {
    expect([address, scopeOf(address)]).toEqual([address, "link"]);
  }
  const rest = ["192.0.2.1", "10.0.0.1", "1.127.0.0", "2001:db8::1", "::ffff:192.0.2.1", "host"];
  for (const address of rest) expect([address, scopeOf(address)]).toEqual([address, "anywhere"]);
});

test("a registry can only mean addresses of its own scope or wider", () => {
  for (const [address, registry, allowed] of [
    ["127.0.0.1", "127.0.0.1", true],
    ["127.0.0.1", "::1", true],
    ["127.0.0.1", "192.0.2.1", false],
    ["127.0.0.1", "169.254.1.1", false],
    ["127.0.0.1", "", false],
    ["169.254.1.1", "169.254.1.2", true],
    ["169.254.1.1", "127.0.0.1", true],
    ["169.254.1.1", "192.0.2.1", false],
    ["192.0.2.1", "198.51.100.1", true],
  ] as const) {
    expect([address, registry, mayConnect(address, registry)]).toEqual([
      address,
      registry,
      allowed,
    ]);
  }
});

test("loopback stays on its machine, link-local on its link", () => {
  for (const [address, maker, asker, allowed] of [
    ["127.0.0.1", "192.0.2.1", "192.0.2.1", true],
    ["127.0.0.1", "192.0.2.1", "192.0.2.2", false],
    ["127.0.0.1", "127.0.0.1", "::1", true],
    ["169.254.1.1", "169.254.1.1", "169.254.1.2", true],
    ["169.254.1.1", "169.254.1.1", "192.0.2.2", false],
    ["192.0.2.1", "192.0.2.1", "198.51.100.1", true],
  ] as const) {
    const input = [address, maker, asker];
    expect([...input, mayHandOut(address, maker, asker)]).toEqual([...input, allowed]);
  }
});
