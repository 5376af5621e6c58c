// The journal of a partial file: truncated or damaged anywhere, it never claims a chunk that was
// not written.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  decodeJournal,
  encodeChunks as encodeWritten,
  encodeHead,
  type JournalHead,
  type WrittenChunk,
} from "../../src/transfer/journal.ts";
import { anyCharacter } from "../any-character.ts";

const chunkBytes = 65_536;
const head: JournalHead = {
  name: 'a "b"\n ü.txt',
  size: 40 * chunkBytes + 7,
  version: "v1",
  chunkBytes,
  sender: "pin",
};

const records = fc.array(
  fc
    .tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 5 }))
    .filter(([a, n]) => a + n <= 41),
  { maxLength: 30 },
);

const hashOf = (index: number) => Bun.hash.xxHash3(String(index)).toString(16).padStart(16, "0");

/** Runs of chunks [first, count], each with its expected hash. */
function encodeChunks(runs: readonly (readonly [number, number])[]): string {
  return runs.map((run) => encodeWritten([...bytesOf([run])].map(withHash))).join("");
}

const withHash = (index: number): WrittenChunk => [index, hashOf(index)];

function bytesOf(chunks: readonly (readonly [number, number])[]): Set<number> {
  return new Set(
    chunks.flatMap(([first, count]) => Array.from({ length: count }, (_, i) => first + i)),
  );
}

function chunksIn(text: string): Set<number> | undefined {
  const found = decodeJournal(text);
  if (found === undefined) return undefined;
  for (const [index, hash] of found.chunks) expect(hash).toBe(hashOf(index));
  return new Set(found.chunks.keys());
}

test("a journal is read back as written", () => {
  fc.assert(
    fc.property(records, (chunks) => {
      const text = encodeHead(head) + encodeChunks(chunks);
      expect(decodeJournal(text)?.head).toEqual(head);
      expect(chunksIn(text)).toEqual(bytesOf(chunks));
    }),
  );
});

test("the sender may be unknown; without its field there is no valid head", () => {
  const plain = { ...head, sender: null };
  expect(decodeJournal(encodeHead(plain))?.head).toEqual(plain);
  const { sender: _, ...without } = head;
  expect(decodeJournal(encodeHead({ ...without, sender: null }))).toBeDefined();
  expect(decodeJournal(encodeHead(without as JournalHead))).toBeUndefined();
});

test("chunks in any order become runs, and the last record of a chunk counts", () => {
  const written: WrittenChunk[] = [5, 3, 4, 9].map(withHash);
  const text = encodeWritten(written);
  expect(text.split("\n").length - 1).toBe(2);
  const again = encodeWritten([[4, "0123456789abcdef"]]);
  const { chunks } = decodeJournal(encodeHead(head) + text + again)!;
  expect([...chunks.keys()].sort((a, b) => a - b)).toEqual([3, 4, 5, 9]);
  expect([chunks.get(3), chunks.get(4)]).toEqual([hashOf(3), "0123456789abcdef"]);
});

test("truncated anywhere, it contains its complete lines", () => {
  const chunks: [number, number][] = [
    [0, 3],
    [10, 2],
    [3, 7],
  ];
  const text = encodeHead(head) + encodeChunks(chunks);
  for (let length = 0; length < text.length; length++) {
    const found = chunksIn(text.slice(0, length));
    const whole = text.slice(0, length).split("\n").length - 2;
    if (whole < 0) expect(found).toBeUndefined();
    else expect(found).toEqual(bytesOf(chunks.slice(0, whole)));
  }
});

test("truncated, then continued: the torn line is ignored, the rest counts", () => {
  const text = encodeHead(head) + encodeChunks([[0, 3]]) + encodeChunks([[10, 2]]).slice(0, -4);
  expect(chunksIn(`${text}\n${encodeChunks([[20, 1]])}`)).toEqual(
    bytesOf([
      [0, 3],
      [20, 1],
    ]),
  );
});

test("a damaged byte never adds a chunk", () => {
  const chunks: [number, number][] = [
    [2, 3],
    [30, 2],
  ];
  const text = encodeHead(head) + encodeChunks(chunks);
  const said = bytesOf(chunks);
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.integer({ min: 1, max: 127 }), (at, flip) => {
      const damaged =
        text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ flip) + text.slice(at + 1);
      for (const chunk of chunksIn(damaged) ?? []) expect(said.has(chunk)).toBe(true);
    }),
  );
});

test("any text is read without harm", () => {
  fc.assert(
    fc.property(fc.string({ unit: anyCharacter, maxLength: 300 }), (text) => {
      decodeJournal(text);
      decodeJournal(encodeHead(head) + text);
    }),
  );
});

test("a record beyond the end of the file is ignored", () => {
  expect(chunksIn(encodeHead(head) + encodeChunks([[40, 2]]))).toEqual(new Set());
  expect(chunksIn(encodeHead(head) + encodeChunks([[1e15, 1]]))).toEqual(new Set());
  expect(chunksIn(encodeHead(head) + encodeWritten([[1, "0123"]]))).toEqual(new Set());
});
