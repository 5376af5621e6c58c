// Splitting bytes into lines: however they are segmented, the result equals that of a simple
// byte-by-byte implementation. No throw, no hang, no growth.

import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { LineSplitter, tooLong } from "../src/line-splitter.ts";
import { message as limits } from "../src/limits.ts";
import { cpuMsOf } from "./cpu-time.ts";

type Cut = { lines: string[]; tooLong: boolean };

/** The result of a splitter for these segments. */
function cut(
  segments: readonly Uint8Array[],
  splitter = new LineSplitter(limits.maxLineBytes),
): Cut {
  const lines: string[] = [];
  for (const segment of segments) {
    // The read buffer is reused: data that is kept must have been copied.
    const buffer = Buffer.from(segment);
    const trouble = splitter.push(buffer, (line) => lines.push(line) > 0);
    buffer.fill(0x58);
    if (trouble === tooLong) return { lines, tooLong: true };
  }
  return { lines, tooLong: false };
}

/** The reference: byte by byte, without any optimization. */
function slowly(bytes: Uint8Array): Cut {
  const lines: string[] = [];
  let line: number[] = [];
  for (const byte of bytes) {
    if (byte === 0x0a) {
      lines.push(Buffer.from(line).toString().replace(/\r$/, ""));
      line = [];
    } else if (line.push(byte) > limits.maxLineBytes) return { lines, tooLong: true };
  }
  return { lines, tooLong: false };
}

/** Cuts `bytes` at these places, in any order. */
function segmentsOf(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length];
  sorted.sort((a, b) => a - b);
  return sorted.slice(1).map((end, i) => bytes.subarray(sorted[i], end));
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("a line splitter", () => {
  const examples = [
    "",
    "\n",
    "Ann\n",
    "Ann\r\nhello\n",
    "\r\n\r\n",
    "a\rb\r\r\nc",
    "grüße 🎈\n漢字\n",
  ];

  test("every cut of every example into two and into three", () => {
    for (const text of examples) {
      const bytes = utf8(text);
      const expected = slowly(bytes);
      for (let a = 0; a <= bytes.length; a++) {
        for (let b = a; b <= bytes.length; b++) {
          expect(cut(segmentsOf(bytes, [a, b]))).toEqual(expected);
        }
      }
    }
  });

  test("every truncation gives a prefix of the lines", () => {
    for (const text of examples) {
      const { lines } = slowly(utf8(text));
      for (let end = 0; end <= utf8(text).length; end++) {
        const some = cut([utf8(text).subarray(0, end)]).lines;
        expect(lines.slice(0, some.length)).toEqual(some);
      }
    }
  });

  test("texts in random segments", () => {
    const texts = fc.string({
      unit: fc.constantFrom("\n", "\r", "\r\n", "a", "é", "漢", "🎈", " ", "\u0000", "\u2028"),
      maxLength: 40,
    });
    const places = fc.array(fc.nat(200), { maxLength: 6 });
    fc.assert(
      fc.property(texts, places, (text, at) => {
        const bytes = utf8(text);
        expect(cut(segmentsOf(bytes, at))).toEqual(slowly(bytes));
      }),
      { numRuns: 10_000 },
    );
  });

  test("random bytes, valid UTF-8 or not", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        fc.array(fc.nat(100), { maxLength: 4 }),
        (bytes, at) => {
          expect(cut(segmentsOf(bytes, at))).toEqual(slowly(bytes));
        },
      ),
      { numRuns: 10_000 },
    );
  });

  test.each(["a", "é", "漢"])("the bound counts bytes, of %j", (unit) => {
    const size = utf8(unit).length;
    for (const excess of [-1, 0, 1]) {
      const line = unit.repeat(Math.floor(limits.maxLineBytes / size) + excess);
      const bytes = utf8(`short\n${line}\nnext\n`);
      const expected = slowly(bytes);
      expect(expected.tooLong).toBe(utf8(line).length > limits.maxLineBytes);
      for (const at of [[], [6], [3], [7, 9], [bytes.length - 6], [bytes.length - 5, 100_000]]) {
        const got = cut(segmentsOf(bytes, at));
        expect(got.tooLong).toBe(expected.tooLong);
        expect(got.lines.length).toBe(expected.lines.length);
      }
    }
  });

  test("an endless line is kept up to the bound and no further", () => {
    const splitter = new LineSplitter(limits.maxLineBytes);
    const piece = new Uint8Array(1_024).fill(0x61);
    let pushed = 0;
    while (splitter.push(piece, () => true) !== tooLong) {
      pushed += piece.length;
      expect(pushed).toBeLessThanOrEqual(limits.maxLineBytes);
    }
    expect(pushed).toBe(limits.maxLineBytes);
  });

  test("a line of single bytes is fast: nothing is searched twice", () => {
    const splitter = new LineSplitter(limits.maxLineBytes);
    const byte = Uint8Array.of(0x61);
    const lines: string[] = [];
    const cpuMs = cpuMsOf(() => {
      for (let i = 0; i < limits.maxLineBytes; i++) splitter.push(byte, () => true);
      splitter.push(Uint8Array.of(0x0a), (line) => lines.push(line) > 0);
    });
    expect(lines.map((line) => line.length)).toEqual([limits.maxLineBytes]);
    expect(cpuMs).toBeLessThan(2_000);
  });

  test("stops on request, and says how much it has taken", () => {
    const lines: string[] = [];
    const splitter = new LineSplitter(limits.maxLineBytes);
    const bytes = utf8("a\né\nc\nd");
    expect(splitter.push(bytes, (line) => lines.push(line) < 2)).toBe(utf8("a\né\n").length);
    expect(lines).toEqual(["a", "é"]);
    const rest = utf8("c\nd");
    expect(splitter.push(rest, (line) => lines.push(line) < 2)).toBe(rest.length);
    expect([...lines, splitter.rest()]).toEqual(["a", "é", "c", "d"]);
  });

  test("what is read one line at a time is the same, valid UTF-8 or not", () => {
    const pieces = fc.array(
      fc.constantFrom(utf8("\n"), utf8("\r"), utf8("a"), utf8("é"), Uint8Array.of(0xc3)),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(pieces, fc.nat(30), (some, place) => {
        const bytes = new Uint8Array(Buffer.concat(some));
        const splitter = new LineSplitter(limits.maxLineBytes);
        const lines: string[] = [];
        for (let unread of segmentsOf(bytes, [place])) {
          while (unread.length > 0) {
            const taken = splitter.push(unread, (line) => lines.push(line) < 0);
            if (typeof taken !== "number") throw new Error("no line is long");
            unread = unread.subarray(taken);
          }
        }
        expect(lines).toEqual(slowly(bytes).lines);
      }),
      { numRuns: 5_000 },
    );
  });

  test("at the end of input the rest is a line, once", () => {
    const splitter = new LineSplitter(limits.maxLineBytes);
    splitter.push(utf8("a\nb"), () => true);
    splitter.push(utf8("c"), () => true);
    expect([splitter.rest(), splitter.rest()]).toEqual(["bc", undefined]);
    splitter.push(utf8("d\r"), () => true);
    expect(splitter.rest()).toBe("d");
  });
});
