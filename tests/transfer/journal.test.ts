// The journal of a partial file: truncated or damaged anywhere, it never claims a chunk that was
// not written.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { decodeJournal, encodeChunks, encodeHead } from "../../src/transfer/journal.ts";

const chunkBytes = 65_536;
const head = { name: 'a "b"\n ü.txt', size: 40 * chunkBytes + 7, version: "v1", chunkBytes };

const records = fc.array(
  fc
    .tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 5 }))
    .filter(([a, n]) => a + n <= 41),
  { maxLength: 30 },
);

function bytesOf(chunks: readonly (readonly [number, number])[]): Set<number> {
  return new Set(
    chunks.flatMap(([first, count]) => Array.from({ length: count }, (_, i) => first + i)),
  );
}

function chunksIn(text: string): Set<number> | undefined {
  const found = decodeJournal(text);
  if (found === undefined) return undefined;
  const all = new Set<number>();
  for (const [start, end] of found.present.toArray()) {
    expect(start % chunkBytes).toBe(0);
    for (let at = start; at < end; at += chunkBytes) all.add(at / chunkBytes);
  }
  return all;
}

test("what was written is read back", () => {
  fc.assert(
    fc.property(records, (chunks) => {
      const text = encodeHead(head) + encodeChunks(chunks);
      expect(decodeJournal(text)?.head).toEqual(head);
      expect(chunksIn(text)).toEqual(bytesOf(chunks));
    }),
  );
});

test("the last chunk ends where the file ends", () => {
  const found = decodeJournal(encodeHead(head) + encodeChunks([[40, 1]]));
  expect(found?.present.toArray()).toEqual([[40 * chunkBytes, head.size]]);
});

test("truncated anywhere, it says what its whole lines say", () => {
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

test("any text at all is read without harm", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
      decodeJournal(text);
      decodeJournal(encodeHead(head) + text);
    }),
  );
});

test("a record beyond the end of the file is ignored", () => {
  expect(chunksIn(encodeHead(head) + encodeChunks([[40, 2]]))).toEqual(new Set());
  expect(chunksIn(encodeHead(head) + encodeChunks([[1e15, 1]]))).toEqual(new Set());
});
