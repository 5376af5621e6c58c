// Who uses TLS: the complete table.

import { expect, test } from "bun:test";
import { admitsPlain, clientTransport, pageTransport } from "../../src/trust/transport.ts";

test.each([
  ["127.0.0.1", undefined, false, "plain"],
  ["localhost", undefined, false, "plain"],
  ["::1", undefined, false, "plain"],
  ["127.0.0.1", "PIN", false, "tls"],
  ["192.0.2.1", undefined, false, "tls"],
  ["192.0.2.1", "PIN", false, "tls"],
  ["chat.example", undefined, false, "tls"],
  ["localhost.example", undefined, false, "tls"],
  ["127.evil.example", undefined, false, "tls"],
  ["0.0.0.0", undefined, false, "tls"],
  ["192.0.2.1", undefined, true, "plain"],
  ["127.0.0.1", undefined, true, "plain"],
] as const)("a client of %s with pin %s and --plain %s: %s", (host, pin, plain, transport) => {
  expect(clientTransport({ host, pin, plain })).toBe(transport);
});

const isTrustedProxy = (address: string) => address === "192.0.2.9";

test("a server accepts plain text from loopback, from trusted proxies, and with --plain from everyone", () => {
  const closed = { allowed: false, isTrustedProxy };
  for (const address of ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "192.0.2.9"]) {
    expect(admitsPlain(address, closed)).toBe(true);
  }
  for (const address of ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "", "10.0.0.1"]) {
    expect(admitsPlain(address, closed)).toBe(false);
    expect(admitsPlain(address, { ...closed, allowed: true })).toBe(true);
  }
});

test.each([
  ["127.0.0.1", false, false, false, "http"],
  ["0.0.0.0", false, false, false, "own-key"],
  ["0.0.0.0", true, false, false, "http"],
  ["0.0.0.0", false, false, true, "http"],
  ["0.0.0.0", false, true, false, "certificate"],
  ["127.0.0.1", false, true, false, "certificate"],
  ["0.0.0.0", true, true, true, "certificate"],
] as const)(
  "the page at %s, --plain %s, --cert %s, --trusted-proxy %s: %s",
  (host, plain, hasCertificate, hasProxies, transport) => {
    expect(pageTransport({ host, plain, hasCertificate, hasProxies })).toBe(transport);
  },
);
