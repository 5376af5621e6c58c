// Sealed segments in any order, with forged ones among them, result in the file that was sealed,
// and nothing else.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { chunkHash, chunkOpener, chunkSealer } from "../../src/io/chunk-cipher.ts";
import { transfer as limits } from "../../src/limits.ts";
import { Assembler, type AssemblerConfig, type ChunkStore } from "../../src/transfer/assembler.ts";

const chunkBytes = limits.minChunkBytes;
const size = 5 * chunkBytes + 12_345;
const count = 6;
const key = new Uint8Array(limits.keyBytes).fill(3);

class Memory implements ChunkStore {
  readonly bytes = new Uint8Array(size);

  write(offset: number, bytes: Uint8Array): boolean {
    this.bytes.set(bytes, offset);
    return false;
  }

  read(offset: number, into: Uint8Array): number {
    const part = this.bytes.subarray(offset, offset + into.length);
    into.set(part);
    return part.length;
  }
}

const file = new Uint8Array(size);
for (let i = 0; i < size; i++) file[i] = Math.imul(i, 2_654_435_761) >>> 24;

/** The whole file sealed, and its tags. */
function sealed(with_ = key): { bytes: Uint8Array; tags: Uint8Array } {
  const seal = chunkSealer(with_);
  const bytes = new Uint8Array(size);
  const tags = new Uint8Array(count * limits.tagBytes);
  for (let index = 0; index < count; index++) {
    const at = index * chunkBytes;
    const chunk = seal(index, file.subarray(at, at + chunkBytes));
    bytes.set(chunk.bytes, at);
    tags.set(chunk.tag, index * limits.tagBytes);
  }
  return { bytes, tags };
}

const { bytes: wire, tags } = sealed();
const tagsOf = (from: number, to: number) =>
  tags.subarray(from * limits.tagBytes, to * limits.tagBytes);

function assemblerOn(store: ChunkStore, more: Partial<AssemblerConfig> = {}): Assembler {
  const assembler = new Assembler({ size, chunkBytes, store, hashOf: chunkHash, ...more });
  assembler.begin(chunkOpener(key));
  return assembler;
}

function segments(segmentBytes: number): [start: number, end: number][] {
  const all: [number, number][] = [];
  for (let at = 0; at < size; at += segmentBytes) all.push([at, Math.min(size, at + segmentBytes)]);
  return all;
}

function settle(assembler: Assembler): void {
  for (let i = 0; i < 1_000 && assembler.work(chunkBytes); i++);
}

test("any order of segments and tags", () => {
  fc.assert(
    fc.property(
      fc.infiniteStream(fc.nat()),
      fc.constantFrom(1_200, 9_000, 65_024),
      fc.boolean(),
      (stream, segmentBytes, hashes) => {
        const next = () => stream.next().value ?? 0;
        const store = new Memory();
        const hasher = hashes ? { hasher: new Bun.CryptoHasher("sha256") } : {};
        const assembler = assemblerOn(store, hasher);
        const waiting = segments(segmentBytes);
        const untold = Array.from({ length: count }, (_, index) => index);
        while (waiting.length > 0) {
          const at = next() % 3 === 0 ? next() % waiting.length : 0;
          const [[start, end]] = waiting.splice(at, 1) as [[number, number]];
          assembler.put(start, wire, start, end - start);
          if (next() % 5 === 0 && untold.length > 0) {
            const [index] = untold.splice(next() % untold.length, 1) as [number];
            expect(assembler.acceptTags(index, tagsOf(index, index + 1))).toBe(true);
          }
          if (next() % 7 === 0) settle(assembler);
          expect(assembler.verifiedFront).toBeLessThanOrEqual(assembler.verifiedBytes);
          expect(store.bytes.subarray(0, assembler.verifiedFront)).toEqual(
            file.subarray(0, assembler.verifiedFront),
          );
        }
        assembler.acceptTags(0, tags);
        settle(assembler);
        expect(assembler.nextBadChunk()).toBeUndefined();
        expect(assembler.isWhole).toBe(true);
        expect(assembler.missing()).toEqual([]);
        expect([assembler.receivedBytes, assembler.verifiedBytes]).toEqual([size, size]);
        expect(store.bytes).toEqual(file);
        const sha256 = new Bun.CryptoHasher("sha256").update(file).digest();
        if (hashes) expect(assembler.digest).toEqual(sha256);
        else expect(assembler.digest).toBeUndefined();
      },
    ),
    { numRuns: 25 },
  );
});

test("forged segments are found and replaced, and never stored", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(size - 1), { minLength: 1, maxLength: 4 }), (at) => {
      const forged = wire.slice();
      for (const i of at) forged[i] = (forged[i] ?? 0) ^ 0x5a;
      const store = new Memory();
      const assembler = assemblerOn(store);
      assembler.acceptTags(0, tags);
      for (const [start, end] of segments(65_024)) assembler.put(start, forged, start, end - start);
      settle(assembler);
      const wrong = new Set(at.map((i) => Math.floor(i / chunkBytes)));
      for (const index of wrong) {
        const part = store.bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes);
        expect(part.every((byte) => byte === 0)).toBe(true);
      }
      const found = new Set<number>();
      for (let bad = assembler.nextBadChunk(); bad !== undefined; bad = assembler.nextBadChunk()) {
        found.add(bad.index);
        expect(bad.times).toBe(1);
        assembler.put(bad.offset, wire, bad.offset, bad.length);
      }
      settle(assembler);
      expect(found).toEqual(wrong);
      expect(store.bytes).toEqual(file);
      expect(assembler.isWhole).toBe(true);
    }),
    { numRuns: 25 },
  );
});

test("a chunk is not accepted in another's place", () => {
  const assembler = assemblerOn(new Memory());
  assembler.acceptTags(0, tagsOf(1, 2));
  assembler.put(0, wire, chunkBytes, chunkBytes);
  settle(assembler);
  expect(assembler.nextBadChunk()?.index).toBe(0);
});

test("repeated wrong copies of a chunk are counted", () => {
  const assembler = assemblerOn(new Memory());
  assembler.acceptTags(0, tags);
  const wrong = new Uint8Array(chunkBytes);
  for (let times = 1; times <= 4; times++) {
    assembler.put(0, wrong, 0, chunkBytes);
    settle(assembler);
    expect(assembler.nextBadChunk()).toEqual({ index: 0, offset: 0, length: chunkBytes, times });
  }
});

test("tags beyond the end, or truncated, are refused; the first tag of a chunk stays", () => {
  const assembler = assemblerOn(new Memory());
  expect(assembler.acceptTags(count, tagsOf(0, 1))).toBe(false);
  expect(assembler.acceptTags(1, tags)).toBe(false);
  expect(assembler.acceptTags(0, tags.subarray(0, 15))).toBe(false);
  expect(assembler.acceptTags(0, tagsOf(0, 1))).toBe(true);
  expect(assembler.acceptTags(0, new Uint8Array(limits.tagBytes))).toBe(true);
  assembler.put(0, wire, 0, chunkBytes);
  settle(assembler);
  expect(assembler.verifiedBytes).toBe(chunkBytes);
});

test("with a new key, chunks that are not yet open are missing again", () => {
  const store = new Memory();
  const assembler = assemblerOn(store);
  assembler.put(0, wire, 0, 2 * chunkBytes + 100);
  assembler.acceptTags(0, tagsOf(0, 1));
  settle(assembler);
  expect(assembler.receivedBytes).toBe(2 * chunkBytes + 100);
  // A wrong copy that nobody has asked about yet is not one of the next transfer.
  assembler.acceptTags(1, tagsOf(0, 1));
  settle(assembler);
  const otherKey = new Uint8Array(limits.keyBytes).fill(4);
  const other = sealed(otherKey);
  assembler.begin(chunkOpener(otherKey));
  expect(assembler.receivedBytes).toBe(chunkBytes);
  expect(assembler.missing()).toEqual([[chunkBytes, size]]);
  expect(assembler.nextBadChunk()).toBeUndefined();
  assembler.put(chunkBytes, other.bytes, chunkBytes, size - chunkBytes);
  assembler.acceptTags(1, other.tags.subarray(limits.tagBytes));
  settle(assembler);
  expect(store.bytes).toEqual(file);
  expect(assembler.isWhole).toBe(true);
});

function hashes(indexes: readonly number[]): Map<number, string> {
  return new Map(
    indexes.map((index) => {
      const at = index * chunkBytes;
      return [index, chunkHash(file.subarray(at, Math.min(size, at + chunkBytes)))];
    }),
  );
}

test("existing chunks are compared with their hashes, and wrong ones are requested", () => {
  const store = new Memory();
  store.bytes.set(file);
  store.bytes[2 * chunkBytes + 5] = (file[2 * chunkBytes + 5] ?? 0) ^ 1;
  const hasher = new Bun.CryptoHasher("sha256");
  const assembler = assemblerOn(store, { held: hashes([0, 1, 2, 3]), hasher });
  expect(assembler.missing()).toEqual([[4 * chunkBytes, size]]);
  expect([assembler.verifiedBytes, assembler.receivedBytes]).toEqual([0, 4 * chunkBytes]);
  settle(assembler);
  const bad = assembler.nextBadChunk();
  expect([bad?.index, bad?.times]).toEqual([2, 0]);
  expect(assembler.nextBadChunk()).toBeUndefined();
  assembler.acceptTags(0, tags);
  assembler.put(2 * chunkBytes, wire, 2 * chunkBytes, chunkBytes);
  assembler.put(4 * chunkBytes, wire, 4 * chunkBytes, size - 4 * chunkBytes);
  settle(assembler);
  expect(assembler.isWhole).toBe(true);
  expect(store.bytes).toEqual(file);
  expect(assembler.digest).toEqual(new Bun.CryptoHasher("sha256").update(file).digest());
});

test("a partial file shorter than in its journal is completed", () => {
  const store: ChunkStore = { write: () => false, read: () => 0 };
  const assembler = assemblerOn(store, { held: hashes([0, 1]) });
  settle(assembler);
  expect([assembler.nextBadChunk()?.offset, assembler.nextBadChunk()?.offset]).toEqual([
    0,
    chunkBytes,
  ]);
});

test("only decrypted chunks are journaled, once, with the hash of their plaintext", () => {
  const assembler = assemblerOn(new Memory());
  assembler.acceptTags(0, tags);
  assembler.put(10, wire, 10, 2 * chunkBytes);
  settle(assembler);
  expect(assembler.takeNewChunks()).toEqual([...hashes([1])]);
  assembler.put(0, wire, 0, 10);
  assembler.put(size - 12_345, wire, size - 12_345, 12_345);
  settle(assembler);
  expect(assembler.takeNewChunks()).toEqual([...hashes([0, 5])]);
  expect(assembler.takeNewChunks()).toEqual([]);
});

test("if the disk accepts nothing, the chunk stays missing", () => {
  const full: ChunkStore = {
    write() {
      throw new Error("ENOSPC");
    },
    read: () => 0,
  };
  const assembler = assemblerOn(full);
  assembler.acceptTags(0, tags);
  expect(() => assembler.put(0, wire, 0, chunkBytes)).toThrow("ENOSPC");
  expect(assembler.missing()).toEqual([[0, size]]);
  expect(assembler.takeNewChunks()).toEqual([]);
});
