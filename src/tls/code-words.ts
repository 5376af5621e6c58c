// Codes made of words from the BIP 39 list, which differ in their first four letters.

import { wordlist } from "@scure/bip39/wordlists/english.js";
import { ParleyError } from "../errors.ts";
import { secretBytes } from "../secrets.ts";
import { type Code, newCodeWords, parseCode } from "../trust/code.ts";

/** A new random code, with a number up to `maxNumber`. */
export function randomCode(maxNumber: number): Code {
  const [a = 0, b = 0, c = 0] = new Uint16Array(secretBytes(6).slice().buffer);
  return { number: 1 + (a % maxNumber), words: newCodeWords(Uint16Array.of(b, c), wordlist) };
}

/** Parses a code as typed. @throws ParleyError `usage` */
export function codeOf(text: string): Code {
  const code = parseCode(text, wordlist);
  if ("problem" in code) throw new ParleyError("usage", `--code: ${code.problem}`);
  return code;
}
