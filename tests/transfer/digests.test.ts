// Prefix digests: both ends agree with SHA-256 however the bytes are split, a bad chunk is
// reported, and nothing hostile gets through.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { transfer as limits } from "../../src/limits.ts";
import { chunkBytesFor, chunkCount, DigestCheck, DigestLog } from "../../src/transfer/digests.ts";

const chunk = limits.minChunkBytes;
const sha256 = () => new Bun.CryptoHasher("sha256");

function someBytes(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let x = seed | 1;
  for (let i = 0; i < length; i++) bytes[i] = (x = Math.imul(x, 1_664_525) + 1_013_904_223) >>> 24;
  return bytes;
}

function logOf(file: Uint8Array): DigestLog {
  const log = new DigestLog(file.length, sha256);
  log.update(file);
  return log;
}

function checkOf(log: DigestLog): DigestCheck {
  const check = new DigestCheck(log.size, log.chunkBytes, sha256);
  expect(check.accept(0, log.packed(0, log.count))).toBe(true);
  if (log.whole !== undefined) check.acceptWhole(log.whole);
  return check;
}

/** Feeds everything, in the pieces that `update` takes; returns the first bad chunk, if any. */
function feed(check: DigestCheck, file: Uint8Array): number | undefined {
  while (check.hashedBytes < file.length) {
    check.update(file.subarray(check.hashedBytes));
    const bad = check.compare();
    if (bad !== undefined) return bad;
  }
  return check.compare();
}

const sizes = [0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk, 3 * chunk + 77];

test.each(sizes)(
  "%d bytes: the last digest is SHA-256 of the whole, prefixes are prefixes",
  (size) => {
    const file = someBytes(size, 7);
    const log = logOf(file);
    expect(log.count).toBe(chunkCount(size, chunk));
    expect(Buffer.from(log.whole ?? []).toString("hex")).toBe(sha256().update(file).digest("hex"));
    for (let i = 0; i < log.count; i++) {
      const prefix = sha256()
        .update(file.subarray(0, (i + 1) * chunk))
        .digest();
      expect(log.packed(i, i + 1)).toEqual(new Uint8Array(prefix.subarray(0, limits.digestBytes)));
    }
    const check = checkOf(log);
    expect(feed(check, file)).toBeUndefined();
    expect(check.whole).toEqual(log.whole);
    expect(check.verifiedBytes).toBe(size);
  },
);

test("pieces of any length give the same digests", () => {
  const file = someBytes(2 * chunk + 999, 3);
  const wanted = logOf(file);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: chunk * 2 }), { maxLength: 20 }), (cuts) => {
      const log = new DigestLog(file.length, sha256);
      for (const cut of cuts) log.update(file.subarray(log.hashedBytes, log.hashedBytes + cut));
      log.update(file.subarray(log.hashedBytes));
      expect(log.packed(0, log.count)).toEqual(wanted.packed(0, wanted.count));
      expect(log.whole).toEqual(wanted.whole);
    }),
    { numRuns: 30 },
  );
});

test("reports the first bad chunk, and continues from the last good state once it has arrived again", () => {
  const file = someBytes(6 * chunk + 5, 11);
  const log = logOf(file);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: file.length - 1 }), (at) => {
      const forged = file.slice();
      forged[at] = (forged[at] ?? 0) ^ 1;
      const check = checkOf(log);
      expect(feed(check, forged)).toBe(Math.floor(at / chunk));
      expect(check.hashedBytes).toBe(Math.floor(at / chunk) * chunk);
      expect(check.whole).toBeUndefined();
      expect(feed(check, file)).toBeUndefined();
      expect(check.whole).toEqual(log.whole);
    }),
    { numRuns: 60 },
  );
});

test("digests that arrive after the bytes find a bad chunk too, and the good ones before it are hashed again", () => {
  const file = someBytes(5 * chunk, 13);
  const log = logOf(file);
  const forged = file.slice();
  forged[3 * chunk + 1] = (forged[3 * chunk + 1] ?? 0) ^ 255;
  const check = new DigestCheck(file.length, chunk, sha256);
  expect(feed(check, forged)).toBeUndefined();
  expect(check.verifiedBytes).toBe(0);
  check.accept(0, log.packed(0, 2));
  expect(check.compare()).toBeUndefined();
  expect(check.verifiedBytes).toBe(2 * chunk);
  check.accept(2, log.packed(2, 5));
  expect(check.compare()).toBe(3);
  if (log.whole !== undefined) check.acceptWhole(log.whole);
  expect(feed(check, file)).toBeUndefined();
  expect(check.whole).toEqual(log.whole);
});

test("digests with a gap, beyond the end, or truncated are refused and change nothing", () => {
  const log = logOf(someBytes(3 * chunk, 17));
  const check = new DigestCheck(3 * chunk, chunk, sha256);
  expect(check.accept(1, log.packed(1, 2))).toBe(false);
  expect(check.accept(0, log.packed(0, 1).subarray(1))).toBe(false);
  expect(check.accept(-1, log.packed(0, 1))).toBe(false);
  expect(check.accept(0.5, log.packed(0, 1))).toBe(false);
  expect(check.accept(Number.NaN, log.packed(0, 1))).toBe(false);
  expect(check.accept(0, new Uint8Array(4 * limits.digestBytes))).toBe(false);
  expect(check.checkableBytes).toBe(0);
  expect(check.acceptWhole(new Uint8Array(31))).toBe(false);
});

test("digests sent again from the start change nothing", () => {
  const file = someBytes(3 * chunk, 19);
  const log = logOf(file);
  const check = checkOf(log);
  expect(check.accept(0, new Uint8Array(2 * limits.digestBytes))).toBe(true);
  expect(feed(check, file)).toBeUndefined();
  expect(check.whole).toEqual(log.whole);
});

test("a final digest that contradicts its prefixes is not accepted", () => {
  const file = someBytes(chunk + 1, 23);
  const log = logOf(file);
  const check = new DigestCheck(file.length, chunk, sha256);
  check.accept(0, log.packed(0, log.count));
  check.acceptWhole(new Uint8Array(32));
  feed(check, file);
  expect(check.whole).toBeUndefined();
  expect(check.contradicted).toBe(true);
});

test("chunks grow with the file, which bounds their number", () => {
  for (const size of [0, 1, 2 ** 34, 2 ** 34 + 1, 2 ** 40, limits.maxFileBytes]) {
    const bytes = chunkBytesFor(size);
    expect(chunkCount(size, bytes)).toBeLessThanOrEqual(limits.maxChunks);
    expect(Math.log2(bytes) % 1).toBe(0);
  }
});
