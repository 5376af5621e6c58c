// A file received through a channel: requested in order and within bounds, returned whole chunk by
// whole chunk, even if data arrives twice, unrequested, damaged or cut; and the browser's cipher
// compared with the program's.

import { expect, test } from "bun:test";
import { chunkOpener, chunkSealer, transferKey } from "../../src/io/chunk-cipher.ts";
import { pageFiles, transfer as wire } from "../../src/limits.ts";
import { ChunkCipher } from "../../src/page/handover/chunk-cipher.ts";
import { ChunkIntake } from "../../src/page/handover/chunk-intake.ts";
import { noise } from "../noise.ts";

const chunkBytes = 65_536;
const tagOf = (index: number): Uint8Array => new Uint8Array(wire.tagBytes).fill(index + 1);

/** Requests everything that may be requested now. */
function requests(intake: ChunkIntake): { offset: number; length: number }[] {
  const found = [];
  for (let next = intake.pollRequest(0); next !== undefined; next = intake.pollRequest(0)) {
    found.push(next);
  }
  return found;
}

test("chunks are returned first to last, each with its tag, and only once they are complete", () => {
  const content = noise(3 * chunkBytes + 5);
  const intake = new ChunkIntake(content.length, chunkBytes, 0);
  expect(requests(intake)).toEqual([{ offset: 0, length: content.length }]);
  intake.handlePiece(chunkBytes, content.subarray(chunkBytes));
  expect(intake.acceptTags(0, Buffer.concat([tagOf(0), tagOf(1), tagOf(2), tagOf(3)]))).toBe(true);
  expect(intake.ready(1 << 20)).toEqual([]);
  intake.handlePiece(0, content.subarray(0, 10));
  intake.handlePiece(10, content.subarray(10, chunkBytes));
  expect(intake.ready(chunkBytes).map(({ index }) => index)).toEqual([0]);
  const ready = intake.ready(1 << 20);
  expect(ready.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
  expect(ready[3]?.bytes).toEqual(
    new Uint8Array(Buffer.concat([content.subarray(3 * chunkBytes), tagOf(3)])),
  );
  intake.handleWritten(3);
  expect([intake.writtenBytes, intake.isWhole]).toEqual([3 * chunkBytes, false]);
  intake.handleWritten(1);
  expect([intake.writtenBytes, intake.isWhole]).toEqual([content.length, true]);
});

test("only a little more is requested, and so kept, than is written", () => {
  const size = 100 * pageFiles.aheadBytes;
  const intake = new ChunkIntake(size, chunkBytes, 0);
  let requested = 0;
  for (let turn = 0; turn < 50; turn++) {
    for (const { offset, length } of requests(intake)) {
      requested = Math.max(requested, offset + length);
      intake.handlePiece(offset, new Uint8Array(length));
    }
  }
  // Without tags nothing can be written.
  expect(requested).toBe(pageFiles.aheadBytes);
  expect(requested).toBeGreaterThanOrEqual(wire.maxPulls * wire.maxPullBytes);
});

test("unrequested data, or data that arrived before, is ignored", () => {
  const intake = new ChunkIntake(2 * chunkBytes, chunkBytes, chunkBytes);
  intake.acceptTags(0, Buffer.concat([tagOf(0), tagOf(1)]));
  expect(requests(intake)).toEqual([{ offset: chunkBytes, length: chunkBytes }]);
  intake.handlePiece(0, new Uint8Array(chunkBytes));
  intake.handlePiece(5 * chunkBytes, new Uint8Array(chunkBytes));
  expect(intake.ready(1 << 20)).toEqual([]);
  intake.handlePiece(chunkBytes, new Uint8Array(chunkBytes).fill(1));
  intake.handlePiece(chunkBytes, new Uint8Array(chunkBytes).fill(2));
  expect(intake.ready(1 << 20)[0]?.bytes[0]).toBe(1);
});

test("a damaged chunk is requested again, but not forever", () => {
  const intake = new ChunkIntake(2 * chunkBytes, chunkBytes, 0);
  intake.acceptTags(0, Buffer.concat([tagOf(0), tagOf(1)]));
  requests(intake);
  intake.handlePiece(0, new Uint8Array(2 * chunkBytes));
  for (let times = 1; times <= wire.maxBadCopies; times++) {
    expect(intake.ready(1 << 20)[0]?.index).toBe(0);
    expect(intake.handleBad()).toBe(times < wire.maxBadCopies);
    expect(intake.ready(1 << 20)).toEqual([]);
    expect(requests(intake)).toEqual([{ offset: 0, length: chunkBytes }]);
    intake.handlePiece(0, new Uint8Array(chunkBytes));
  }
});

test("tags of nonexistent chunks, or truncated ones, are refused; the first tag stays", () => {
  const intake = new ChunkIntake(chunkBytes, chunkBytes, 0);
  expect(intake.acceptTags(1, tagOf(0))).toBe(false);
  expect(intake.acceptTags(0, tagOf(0).subarray(1))).toBe(false);
  expect(intake.acceptTags(0, Buffer.concat([tagOf(0), tagOf(1)]))).toBe(false);
  expect(intake.acceptTags(0, new Uint8Array(0))).toBe(true);
  expect(intake.acceptTags(0, tagOf(7))).toBe(true);
  expect(intake.acceptTags(0, tagOf(8))).toBe(true);
  requests(intake);
  intake.handlePiece(0, new Uint8Array(chunkBytes));
  expect(intake.ready(1)[0]?.bytes.at(-1)).toBe(8);
});

test("an empty file is complete immediately", () => {
  const intake = new ChunkIntake(0, chunkBytes, 0);
  expect([intake.isWhole, requests(intake)]).toEqual([true, []]);
});

test("the browser's cipher opens data sealed by the program's, and vice versa", async () => {
  const token = noise(wire.tokenBytes).slice();
  const key = transferKey({ exported: undefined, transfer: 70_000, token });
  const cipher = await ChunkCipher.derive(token, 70_000);
  const text = noise(1_000).slice();
  for (const index of [0, 1, 262_143]) {
    const { bytes, tag } = chunkSealer(key)(index, text);
    const sealed = new Uint8Array(Buffer.concat([bytes, tag]));
    expect(await cipher.open(index, sealed)).toEqual(text);
    expect(await cipher.open(index + 1, sealed)).toBeUndefined();
    expect(await cipher.seal(index, text)).toEqual(sealed);
    expect(chunkOpener(key)(index, sealed.subarray(0, -16), sealed.subarray(-16))).toEqual(
      Buffer.from(text),
    );
  }
});
