// Addresses to listen on, in users' notation.

import { expect, test } from "bun:test";
import { listenHost } from "../../src/cli/host-flag.ts";

test.each([
  ["127.0.0.1", "127.0.0.1"],
  ["0", "0.0.0.0"],
  ["127.1", "127.0.0.1"],
  ["::", "::"],
  ["0:0::0", "::"],
  ["[::1]", "::1"],
  ["localhost", "localhost"],
  ["My-Machine.example", "My-Machine.example"],
  // Invalid ones stay unchanged: listening reports them.
  ["256.1.1.1", "256.1.1.1"],
  ["127.0.0.1:80", "127.0.0.1:80"],
  ["fe80::1%eth0", "fe80::1%eth0"],
  ["a@127.0.0.1", "a@127.0.0.1"],
  ["127.0.0.1/x", "127.0.0.1/x"],
  [" ", " "],
])("%p is %p", (text, host) => expect(listenHost(text)).toBe(host));

test.each(["", "*"])("%p is not an address", (text) => {
  expect(() => listenHost(text)).toThrow(`--host '${text}' is not an address`);
});
