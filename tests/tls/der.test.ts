// DER as X.690 and RFC 5280 have it, byte by byte.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { X509Certificate } from "node:crypto";
import { createKeyPair } from "../../src/tls/certificate.ts";
import {
  bitString,
  explicit,
  implicitText,
  integer,
  octetString,
  oid,
  sequence,
  set,
  time,
  utf8,
  yes,
} from "../../src/tls/der.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));

test("each type has its tag", () => {
  expect(hex(yes())).toBe("0101ff");
  expect(hex(utf8("é"))).toBe("0c02c3a9");
  expect(hex(bitString(bytes("a5")))).toBe("030200a5");
  expect(hex(octetString(bytes("a5")))).toBe("0401a5");
  expect(hex(sequence(yes(), utf8("a")))).toBe("30060101ff0c0161");
  expect(hex(sequence())).toBe("3000");
  expect(hex(set(yes()))).toBe("31030101ff");
  expect(hex(explicit(3, yes()))).toBe("a3030101ff");
  expect(hex(implicitText(2, "ab"))).toBe("82026162");
});

test("integers are as short as can be, and never negative", () => {
  const cases = {
    "00": "00",
    "0000": "00",
    "7f": "7f",
    "007f": "7f",
    "80": "0080",
    ff01: "00ff01",
  };
  for (const [given, content] of Object.entries(cases)) {
    const length = (content.length / 2).toString(16).padStart(2, "0");
    expect([given, hex(integer(bytes(given)))]).toEqual([given, `02${length}${content}`]);
  }
});

test("lengths are as short as can be", () => {
  const headers = { 127: "7f", 128: "8180", 255: "81ff", 256: "820100", 65_536: "83010000" };
  for (const [length, header] of Object.entries(headers)) {
    const encoded = hex(octetString(new Uint8Array(Number(length))));
    expect([length, encoded.slice(0, 2 + header.length)]).toEqual([length, `04${header}`]);
    expect(encoded).toHaveLength(2 + header.length + 2 * Number(length));
  }
});

test("object identifiers", () => {
  expect(hex(oid("1.2.840.10045.4.3.2"))).toBe("06082a8648ce3d040302");
  expect(hex(oid("2.5.29.17"))).toBe("0603551d11");
  expect(hex(oid("1.3.6.1.4.1.4294967295"))).toBe("060a2b06010401 8fffffff7f".replace(" ", ""));
});

const timeText = (iso: string): string => {
  return Buffer.from(time(new Date(iso)).subarray(2)).toString();
};

test("times have two digits for their year until 2049, four from 2050 on", () => {
  expect(hex(time(new Date(0))).slice(0, 4)).toBe("170d");
  expect(timeText("2049-12-31T23:59:59Z")).toBe("491231235959Z");
  expect(hex(time(new Date("2050-01-01"))).slice(0, 4)).toBe("180f");
  expect(timeText("2050-01-01T00:00:00.900Z")).toBe("20500101000000Z");
});

test("a certificate is valid from a day before, whenever it is made", async () => {
  const years = fc.integer({ min: Date.UTC(1990), max: Date.UTC(2400) });
  await fc.assert(
    fc.asyncProperty(years, async (nowMs) => {
      const { cert, key } = await createKeyPair(nowMs);
      const certificate = new X509Certificate(cert);
      const seconds = Math.floor((nowMs - 24 * 3600 * 1000) / 1000);
      expect(new Date(certificate.validFrom).getTime()).toBe(seconds * 1000);
      expect(certificate.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
      expect(certificate.verify(certificate.publicKey)).toBe(true);
      expect(key).toStartWith("-----BEGIN PRIVATE KEY-----\n");
      // What others read is what was written.
      expect(certificate.toString().replaceAll("\r", "").trim()).toBe(cert.trim());
    }),
    { numRuns: 50 },
  );
});
