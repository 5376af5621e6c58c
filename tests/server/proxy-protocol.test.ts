// PROXY headers: the examples of the specification, every truncation, and hostile bytes.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { proxyProtocol as limits } from "../../src/limits.ts";
import { ProxyPreamble, readProxyHeader } from "../../src/server/proxy-protocol.ts";

const signature = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");

function binary(command: number, family: number, body: readonly number[]): Buffer {
  const length = [body.length >> 8, body.length & 255];
  return Buffer.concat([signature, Buffer.from([command, family, ...length, ...body])]);
}

const v6 = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100, 7];
const ports = [0xdc, 0x04, 0xd6, 0xd8];

const good: [name: string, header: Buffer, address: string | undefined, port: number][] = [
  ["TCP4", Buffer.from("PROXY TCP4 198.51.100.7 10.0.0.1 56324 55000\r\n"), "198.51.100.7", 56_324],
  ["TCP6", Buffer.from("PROXY TCP6 2001:DB8::7 ::1 56324 55000\r\n"), "2001:db8::7", 56_324],
  ["UNKNOWN", Buffer.from("PROXY UNKNOWN\r\n"), undefined, 0],
  ["UNKNOWN with words", Buffer.from("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), undefined, 0],
  ["v2 TCP4", binary(0x21, 0x11, [198, 51, 100, 7, 10, 0, 0, 1, ...ports]), "198.51.100.7", 56_324],
  ["v2 TCP6", binary(0x21, 0x21, [...v6, ...v6, ...ports]), "2001:db8::7", 56_324],
  ["v2 mapped", binary(0x21, 0x21, [...mapped, ...mapped, ...ports]), "198.51.100.7", 56_324],
  [
    "v2 with extensions",
    binary(0x21, 0x11, [198, 51, 100, 7, 10, 0, 0, 1, ...ports, 4, 0, 1, 9]),
    "198.51.100.7",
    56_324,
  ],
  ["v2 LOCAL", binary(0x20, 0x00, []), undefined, 0],
];

describe.each(good)("%s", (_name, header, address, port) => {
  const from = address === undefined ? undefined : { address, port };

  test("is read completely, without a byte of the data that follows", () => {
    const result = { kind: "header", bytes: header.length, from } as const;
    expect(readProxyHeader(header)).toEqual(result);
    expect(readProxyHeader(Buffer.concat([header, Buffer.from("Ann\n")]))).toEqual(result);
  });

  test("waits at every truncation", () => {
    for (let length = 0; length < header.length; length++) {
      expect(readProxyHeader(header.subarray(0, length))).toEqual({ kind: "wait" });
    }
  });

  test("may arrive byte by byte", () => {
    const preamble = new ProxyPreamble();
    for (const byte of header.subarray(0, -1)) {
      expect(preamble.received(Uint8Array.of(byte)).kind).toBe("wait");
    }
    const rest = Buffer.concat([header.subarray(-1), Buffer.from("Ann\n")]);
    expect(preamble.received(rest)).toEqual({ kind: "header", from, rest: Buffer.from("Ann\n") });
  });
});

test.each([
  ["Ann\n"],
  ['{"type":"hello"}\n'],
  ["PROXY TCP4 nobody 10.0.0.1 1 2\r\n"],
  ["PROXY TCP4 198.51.100.7 10.0.0.1 99999 2\r\n"],
  ["PROXY TCP4 198.51.100.7 10.0.0.1 -1 2\r\n"],
  ["PROXY TCP4 198.51.100.7 10.0.0.1 1 2 3\r\n"],
  ["PROXY TCP4 198.51.100.7\r\n"],
  ["PROXY UDP4 198.51.100.7 10.0.0.1 1 2\r\n"],
  [`PROXY TCP4 ${"1".repeat(107)}`],
  [binary(0x31, 0x11, [198, 51, 100, 7, 10, 0, 0, 1, ...ports]).toString("latin1")],
  [binary(0x22, 0x11, [198, 51, 100, 7, 10, 0, 0, 1, ...ports]).toString("latin1")],
  [binary(0x21, 0x11, [198, 51, 100, 7]).toString("latin1")],
  [binary(0x21, 0x12, [198, 51, 100, 7, 10, 0, 0, 1, ...ports]).toString("latin1")],
  [
    binary(
      0x21,
      0x11,
      Array.from({ length: limits.maxHeaderBytes + 1 }, () => 0),
    ).toString("latin1"),
  ],
])("%j is no header", (text) => {
  expect(readProxyHeader(Buffer.from(text, "latin1"))).toEqual({ kind: "invalid" });
});

test("hostile bytes never throw, and a header never claims more bytes than there are", () => {
  const start = fc.constantFrom(
    Buffer.from("PROXY TCP4 "),
    signature,
    Buffer.from("PROXY "),
    Buffer.alloc(0),
  );
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 200 }), (begin, noise) => {
      const bytes = Buffer.concat([begin, noise]);
      const result = readProxyHeader(bytes);
      if (result.kind === "header") expect(result.bytes).toBeLessThanOrEqual(bytes.length);
    }),
    { numRuns: 2_000 },
  );
});
