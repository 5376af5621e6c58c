// A person's keys as words of the BIP 39 list, which differ in their first four letters.

import { wordlist } from "@scure/bip39/wordlists/english.js";
import { keySetText, keyWords } from "../trust/key-words.ts";

export function wordsOf(keys: readonly string[]): string {
  const hash = new Bun.CryptoHasher("sha256").update(keySetText(keys)).digest();
  return keyWords(hash, wordlist).join(" ");
}
