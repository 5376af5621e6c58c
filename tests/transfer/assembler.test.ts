// Segments in any order, with forged ones among them, become the file that the digests describe,
// and nothing else.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { transfer as limits } from "../../src/limits.ts";
import { Assembler, type ChunkStore } from "../../src/transfer/assembler.ts";
import { DigestLog } from "../../src/transfer/digests.ts";
import { RangeSet } from "../../src/transfer/ranges.ts";

const chunkBytes = limits.minChunkBytes;
const newHasher = () => new Bun.CryptoHasher("sha256");

class Memory implements ChunkStore {
  readonly bytes: Uint8Array;
  writes = 0;

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
  }

  write(offset: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, offset);
    this.writes++;
  }

  read(offset: number, into: Uint8Array): number {
    const part = this.bytes.subarray(offset, offset + into.length);
    into.set(part);
    return part.length;
  }
}

function fileOf(size: number): { file: Uint8Array; log: DigestLog } {
  const file = new Uint8Array(size);
  for (let i = 0; i < size; i++) file[i] = Math.imul(i, 2_654_435_761) >>> 24;
  const log = new DigestLog(size, newHasher);
  log.update(file);
  return { file, log };
}

const size = 5 * chunkBytes + 12_345;
const { file, log } = fileOf(size);

function segments(segmentBytes: number): [start: number, end: number][] {
  const all: [number, number][] = [];
  for (let at = 0; at < size; at += segmentBytes) all.push([at, Math.min(size, at + segmentBytes)]);
  return all;
}

function settle(assembler: Assembler): void {
  assembler.flush();
  for (let i = 0; i < 100 && assembler.work(chunkBytes); i++);
}

test.each([true, false])("any order of segments and digests (hashing ahead: %p)", (ahead) => {
  fc.assert(
    fc.property(
      fc.infiniteStream(fc.nat()),
      fc.constantFrom(1_200, 9_000, 65_024),
      (stream, segmentBytes) => {
        const next = () => stream.next().value ?? 0;
        const store = new Memory(size);
        const assembler = new Assembler({ size, chunkBytes, newHasher, store, ahead });
        const waiting = segments(segmentBytes);
        let told = 0;
        while (waiting.length > 0) {
          const at = next() % 3 === 0 ? next() % waiting.length : 0;
          const [[start, end]] = waiting.splice(at, 1) as [[number, number]];
          assembler.put(start, file, start, end - start);
          if (next() % 5 === 0 && told < log.count) {
            const to = Math.min(log.count, told + 1 + (next() % 3));
            expect(assembler.check.accept(told, log.packed(told, to))).toBe(true);
            told = to;
          }
          if (next() % 7 === 0) settle(assembler);
        }
        assembler.check.accept(told, log.packed(told, log.count));
        assembler.check.acceptWhole(log.whole ?? new Uint8Array());
        settle(assembler);
        expect(assembler.nextBadChunk()).toBeUndefined();
        expect(assembler.check.whole).toEqual(log.whole);
        expect(store.bytes).toEqual(file);
      },
    ),
    { numRuns: 25 },
  );
});

test.each([true, false])("forged segments are found and replaced (hashing ahead: %p)", (ahead) => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.nat(size - 1), { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      (at, late) => {
        const forged = file.slice();
        for (const i of at) forged[i] = (forged[i] ?? 0) ^ 0x5a;
        const store = new Memory(size);
        const assembler = new Assembler({ size, chunkBytes, newHasher, store, ahead });
        if (!late) assembler.check.accept(0, log.packed(0, log.count));
        for (const [start, end] of segments(65_024))
          assembler.put(start, forged, start, end - start);
        settle(assembler);
        assembler.check.accept(0, log.packed(0, log.count));
        assembler.check.acceptWhole(log.whole ?? new Uint8Array());
        const found = new Set<number>();
        for (let i = 0; i < 20 && assembler.check.whole === undefined; i++) {
          settle(assembler);
          for (
            let bad = assembler.nextBadChunk();
            bad !== undefined;
            bad = assembler.nextBadChunk()
          ) {
            found.add(bad.index);
            expect(bad.times).toBe(1);
            assembler.put(bad.offset, file, bad.offset, bad.length);
          }
        }
        expect(found).toEqual(new Set(at.map((i) => Math.floor(i / chunkBytes))));
        expect(assembler.check.whole).toEqual(log.whole);
        expect(store.bytes).toEqual(file);
      },
    ),
    { numRuns: 25 },
  );
});

test("repeated wrong copies of a chunk are counted", () => {
  const store = new Memory(size);
  const assembler = new Assembler({ size, chunkBytes, newHasher, store, ahead: true });
  assembler.check.accept(0, log.packed(0, log.count));
  const wrong = new Uint8Array(chunkBytes);
  for (let times = 1; times <= 4; times++) {
    assembler.put(0, wrong, 0, chunkBytes);
    settle(assembler);
    expect(assembler.nextBadChunk()).toEqual({ index: 0, offset: 0, length: chunkBytes, times });
  }
});

test("a partial file is hashed again, and what is wrong or missing in it is requested", () => {
  const store = new Memory(size);
  store.bytes.set(file);
  store.bytes[2 * chunkBytes + 5] = (file[2 * chunkBytes + 5] ?? 0) ^ 1;
  const present = new RangeSet([[0, 4 * chunkBytes]]);
  const assembler = new Assembler({ size, chunkBytes, newHasher, store, present, ahead: true });
  assembler.check.accept(0, log.packed(0, log.count));
  assembler.check.acceptWhole(log.whole ?? new Uint8Array());
  settle(assembler);
  const bad = assembler.nextBadChunk();
  expect(bad?.index).toBe(2);
  assembler.put(2 * chunkBytes, file, 2 * chunkBytes, chunkBytes);
  assembler.put(4 * chunkBytes, file, 4 * chunkBytes, size - 4 * chunkBytes);
  settle(assembler);
  expect(assembler.check.whole).toEqual(log.whole);
});

test("a partial file shorter than its journal says is completed", () => {
  const store: ChunkStore = { write: () => {}, read: () => 0 };
  const present = new RangeSet([[0, 2 * chunkBytes]]);
  const assembler = new Assembler({ size, chunkBytes, newHasher, store, present, ahead: true });
  settle(assembler);
  expect(assembler.nextBadChunk()?.offset).toBe(0);
});

test("only whole chunks are journaled, each once it has arrived", () => {
  const assembler = new Assembler({
    size,
    chunkBytes,
    newHasher,
    store: new Memory(size),
    ahead: true,
  });
  assembler.put(10, file, 10, 2 * chunkBytes);
  assembler.flush();
  expect(assembler.takeNewChunks()).toEqual([[1, 1]]);
  assembler.put(0, file, 0, 10);
  assembler.put(size - 12_345, file, size - 12_345, 12_345);
  assembler.flush();
  expect(assembler.takeNewChunks()).toEqual([
    [0, 1],
    [5, 1],
  ]);
  expect(assembler.takeNewChunks()).toEqual([]);
});

test("consecutive small segments are written together", () => {
  const store = new Memory(size);
  const assembler = new Assembler({ size, chunkBytes, newHasher, store, ahead: true });
  for (const [start, end] of segments(1_200)) assembler.put(start, file, start, end - start);
  assembler.flush();
  expect(store.writes).toBeLessThanOrEqual(Math.ceil(size / (limits.writeRunBytes - 1_200)) + 1);
  expect(store.bytes).toEqual(file);
});
