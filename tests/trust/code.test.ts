// Codes: a generated code is read correctly however it is typed, and a wrong word is reported
// before it uses up the one guess.

import { expect, test } from "bun:test";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { assert, integer, property, string, uint16Array } from "fast-check";
import { codeText, newCodeWords, parseCode } from "../../src/trust/code.ts";

const twoNumbers = uint16Array({ minLength: 2, maxLength: 2 });

test("a code is read correctly, however it is typed", () => {
  assert(
    property(integer({ min: 1, max: 999_999 }), twoNumbers, (number, random) => {
      const code = { number, words: newCodeWords(random, wordlist) };
      const text = codeText(code);
      expect(text).toMatch(/^[1-9]\d*-[a-z]+-[a-z]+$/);
      const spoken = text.replaceAll("-", " ");
      const dashed = text.replaceAll("-", " – ");
      const link = `https://chat.example:8000/code#${text}`;
      for (const typed of [
        text,
        text.toUpperCase(),
        ` ${text}\n`,
        spoken,
        dashed,
        `“${text}”.`,
        link,
      ]) {
        expect(parseCode(typed, wordlist)).toEqual(code);
      }
    }),
  );
});

test("every word is equally likely: 2 048 of them, 22 bits in all", () => {
  expect(wordlist.length).toBe(2048);
  const first = new Set(
    Array.from({ length: 65_536 }, (_, value) => {
      const words = newCodeWords(Uint16Array.of(value, 65_535 - value), wordlist);
      return words.split("-")[0];
    }),
  );
  expect(first.size).toBe(2048);
});

const problems: [typed: string, problem: string][] = [
  ["", "a code is a number and two words, such as 7-olive-lamp"],
  ["7", "a code is a number and two words, such as 7-olive-lamp"],
  ["olive-lamp", "a code is a number and two words, such as 7-olive-lamp"],
  ["7-olive", "a code is a number and two words, such as 7-olive-lamp"],
  ["7-olive-lamp-tiger", "a code is a number and two words, such as 7-olive-lamp"],
  ["1234567-olive-lamp", "a code is a number and two words, such as 7-olive-lamp"],
  ["0-olive-lamp", "the number of a code is never 0"],
  ["7-olivee-lamp", "no code has the word 'olivee': did you mean 'olive'?"],
  ["7-olive-qqqqqqqqqq", "no code has the word 'qqqqqqqqqq'"],
];

for (const [typed, problem] of problems) {
  test(`${JSON.stringify(typed)}: ${problem}`, () => {
    expect(parseCode(typed, wordlist)).toEqual({ problem });
  });
}

test("any input results in a code or a problem", () => {
  assert(
    property(string({ maxLength: 60 }), (typed) => {
      const read = parseCode(typed, wordlist);
      expect("problem" in read || read.words.split("-").length === 2).toBe(true);
    }),
  );
});

test("too few random bytes are an error", () => {
  expect(() => newCodeWords(Uint16Array.of(1), wordlist)).toThrow(
    "A code takes 2 random numbers, not 1.",
  );
});
