// Server addresses as people write them on the command line.

import { expect, test } from "bun:test";
import { addressOf } from "../../src/cli/address.ts";

test("a host without a port gets the default port, or that of the command", () => {
  expect(addressOf("", "chat.example")).toEqual({ host: "chat.example", port: 55_000 });
  expect(addressOf("", "chat.example:1")).toEqual({ host: "chat.example", port: 1 });
  expect(addressOf("", "[::1]", 7)).toEqual({ host: "::1", port: 7 });
});

test("an invalid address is quoted as it was written, with its flag", () => {
  expect(() => addressOf("", "a b")).toThrow(/^'a b' is not an address: write HOST:PORT, /);
  expect(() => addressOf("--server", "x:")).toThrow(/^--server 'x:' is not an address/);
});
