// Sanitizing user text.

import { expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  beginning,
  harmless,
  harmlessLines,
  oneLine,
  quoted,
  showsNothing,
} from "../../src/text.ts";
import { cpuMsOf } from "../cpu-time.ts";
import { anyCharacter } from "../any-character.ts";

// Built from code points, so that this file contains no control characters.
const range = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => String.fromCodePoint(from + i)).join("");
const bad = new Set([
  ...range(0, 0x1f),
  ...range(0x7f, 0x9f),
  ...range(0x2028, 0x202e),
  ...range(0x2066, 0x2069),
]);

test("plain text of any script is unchanged", () => {
  for (const text of ["", "hi", "Zoë 小明 🙂", "a  b", "\\u001b", "שלום"])
    expect(harmless(text)).toBe(text);
});

test("a text is cut between characters", () => {
  const cut = ["🙂🙂", "🙂🙂🙂"].map((text) => [0, 1, 2, 3, 4].map((max) => beginning(text, max)));
  expect(cut).toEqual([
    ["", "", "🙂", "🙂", "🙂🙂"],
    ["", "", "🙂", "🙂", "🙂🙂"],
  ]);
});

test("a text of blanks, controls, escapes and fillers is invisible, any other text is visible", () => {
  const nothing = [
    "",
    " ",
    " \t\u00a0\u3000",
    "\u0001",
    "\u001b[2J",
    " \u001b]0;x\u0007\r\n",
    "\u202e",
  ];
  for (const text of [...nothing, "\u200b", "\ufeff", "\u3164", "\u00ad\ufe0f"]) {
    expect([text, showsNothing(text)]).toEqual([text, true]);
  }
  for (const text of ["a", " a", "\u001b[2Ja", "-", "小", "🙂", "\u0001.", "\ud800", "[2J"]) {
    expect([text, showsNothing(text)]).toEqual([text, false]);
  }
});

test("line ends and tabs become one space, controls and escapes nothing", () => {
  expect(harmless("a\r\nBob: forged\n\n")).toBe("a Bob: forged  ");
  expect(harmless("a\tb\u2028c\u0085d")).toBe("a b c d");
  expect(
    harmless("\u001b[31;1mred\u001b[0m \u001b]0;title\u0007x\u001b]8;;http://e\u001b\\y"),
  ).toBe("red xy");
  expect(harmless("\u001b\u001b[2J[2J\u009b2J\u0007\u007f\u0000")).toBe("[2J2J");
  expect(harmless("a\u202eb\u2066c\u2069")).toBe("abc");
});

test("the line ends between several lines stay, other controls do not", () => {
  expect(harmlessLines("a\r\n  b\u2028c\u0085\u001b[2J\td")).toBe("a\n  b c  d");
  expect(harmlessLines("\n \r\na\n\nb\n  \n")).toBe("a\n\nb");
  expect(harmlessLines("\u001b]0;two\nlines\u0007x")).toBe("x");
  expect(oneLine("a\n b")).toBe("a  b");
  const text = fc.string({ unit: fc.constantFrom("a", " ", "\n", "\r", "\u001b", "[", "\ud800") });
  fc.assert(
    fc.property(text, (value) => {
      const lines = harmlessLines(value);
      for (const line of lines.split("\n")) expect(harmless(line)).toBe(line);
      expect(harmlessLines(lines)).toBe(lines);
    }),
  );
});

test("lone surrogates become U+FFFD", () => {
  expect(harmless("a\ud800b\udfffc")).toBe("a\ufffdb\ufffdc");
});

test("cleaning leaves nothing harmful and is idempotent", () => {
  const nasty = fc.constantFrom(
    "\u001b",
    "[",
    "]",
    "\u0007",
    "\n",
    "\r",
    "\ud800",
    "2J",
    "\u202e",
    "\u009b",
  );
  const text = fc
    .array(fc.oneof(nasty, fc.string({ unit: anyCharacter, maxLength: 4 })))
    .map((a) => a.join(""));
  fc.assert(
    fc.property(text, (value) => {
      const clean = harmless(value);
      expect(clean.isWellFormed()).toBe(true);
      for (const char of clean) if (bad.has(char)) throw new Error(`left: ${char.codePointAt(0)}`);
      expect(harmless(clean)).toBe(clean);
    }),
    { numRuns: 5_000 },
  );
});

test("hostile text takes linear time", () => {
  const pieces = ["\u001b[", "\u001b]", "\u001b[0", "\u001b[0 ", "\u001b", "\u001b]\u001b"];
  const cpuMs = cpuMsOf(() => {
    for (const piece of pieces) {
      harmless(piece.repeat(16_384 / piece.length));
      harmless(piece + "0".repeat(8_000) + " ".repeat(8_000));
    }
  });
  expect(cpuMs).toBeLessThan(1_000);
});

test("quoted values are cleaned and cut", () => {
  expect(quoted("a\nb")).toBe("'a b'");
  expect(quoted("x".repeat(50))).toBe(`'${"x".repeat(40)}…'`);
  expect(quoted(`${"x".repeat(39)}🙂`).isWellFormed()).toBe(true);
});
