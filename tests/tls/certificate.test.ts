// The certificate that a server generates for itself, as read by other software.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { X509Certificate } from "node:crypto";
import { createKeyPair } from "../../src/tls/certificate.ts";

test("a certificate is valid from the day before its creation", async () => {
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
      // Other software reads what was written.
      expect(certificate.toString().replaceAll("\r", "").trim()).toBe(cert.trim());
    }),
    { numRuns: 50 },
  );
});
