// Words for keys: the same for the same keys, different for any others, from a list of
// distinguishable words.

import { expect, test } from "bun:test";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import * as fc from "fast-check";
import { keySetText, keyWords } from "../../src/trust/key-words.ts";

const sha256 = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest();
const wordsOf = (keys: readonly string[]) => keyWords(sha256(keySetText(keys)), wordlist);

test("the list has 2 048 words that differ in their first four letters", () => {
  expect(wordlist).toHaveLength(2_048);
  expect(new Set(wordlist.map((word) => word.slice(0, 4))).size).toBe(2_048);
});

test("six words, 66 bits from the beginning of the hash", () => {
  expect(keyWords(new Uint8Array(32), wordlist)).toEqual(Array(6).fill("abandon"));
  expect(keyWords(new Uint8Array(32).fill(0xff), wordlist)).toEqual(Array(6).fill("zoo"));
  const one = new Uint8Array(32);
  one[1] = 0x20;
  expect(keyWords(one, wordlist)).toEqual(["ability", ...Array(5).fill("abandon")]);
});

test("the order of the keys does not matter, everything else does", () => {
  expect(wordsOf(["a", "b"])).toEqual(wordsOf(["b", "a"]));
  const key = fc.string({ unit: fc.constantFrom(..."AZaz09-_"), minLength: 1, maxLength: 43 });
  const keys = fc.uniqueArray(key, { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(keys, keys, (one, other) => {
      const isSame = [...one].sort().join(" ") === [...other].sort().join(" ");
      expect(wordsOf(one).join(" ") === wordsOf(other).join(" ")).toBe(isSame);
    }),
  );
});
