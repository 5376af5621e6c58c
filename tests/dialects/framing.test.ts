// Unframed clients: one read is one message, no character is split, nothing throws or grows.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { ReadFramer } from "../../src/dialects/framing.ts";
import { tooLong } from "../../src/line-splitter.ts";
import { message as limits } from "../../src/limits.ts";

/** Cuts `bytes` at these places, whatever their order. */
function segmentsOf(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length];
  sorted.sort((a, b) => a - b);
  return sorted.slice(1).map((end, i) => bytes.subarray(sorted[i], end));
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("reads", () => {
  test("one read is one message, without its line ending", () => {
    const framer = new ReadFramer();
    const texts = ["Ann", "hello\n", "hello\r\n", "\n", "two\nlines\n", " ", "a\r"];
    expect(texts.map((text) => framer.push(utf8(text)))).toEqual([
      "Ann",
      "hello",
      "hello",
      "",
      "two\nlines",
      " ",
      "a\r",
    ]);
  });

  test("characters are never cut, wherever reads are split", () => {
    const texts = fc.string({
      unit: fc.constantFrom("a", "é", "漢", "🎈", "\u0301"),
      maxLength: 12,
    });
    fc.assert(
      fc.property(texts, fc.array(fc.nat(60), { maxLength: 8 }), (text, places) => {
        const framer = new ReadFramer();
        const parts = segmentsOf(utf8(text), places).map((segment) => framer.push(segment));
        expect(parts.join("")).toBe(text);
      }),
      { numRuns: 20_000 },
    );
  });

  test("random bytes neither throw nor stick", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 8 }), (reads) => {
        const framer = new ReadFramer();
        for (const read of reads) {
          const message = framer.push(read);
          expect(typeof message === "string" && message.length <= read.length + 4).toBe(true);
        }
        expect(framer.push(utf8("   after"))).toEndWith("   after");
      }),
      { numRuns: 20_000 },
    );
  });

  test("a read beyond the bound is refused", () => {
    const full = new Uint8Array(limits.maxLineBytes).fill(0x61);
    expect(new ReadFramer().push(full)).toHaveLength(limits.maxLineBytes);
    expect(new ReadFramer().push(new Uint8Array(limits.maxLineBytes + 1))).toBe(tooLong);
  });
});
