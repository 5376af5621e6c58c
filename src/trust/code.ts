// One-use codes as people say them: `7-olive-lamp`. The number says which offer is meant and is no
// secret; the words are, and whoever guesses them has one try. Pure; chance and the list of 2 048
// words are passed in.

import { nearestWord } from "../nearest-word.ts";

/** Of 2 048 each: a guess is right once in 4 194 304 times. */
const wordsPerCode = 2;

export type Code = {
  /** From 1 up, as the server has given it. */
  readonly number: number;
  /** The secret, as both ends write it. */
  readonly words: string;
};

/** A number with more digits is none that was ever given. */
const form = /^(\d{1,6})-([a-z]+(?:-[a-z]+)*)$/;

/** `random`: an unsigned 16-bit number for each word. */
export function newCodeWords(random: Uint16Array, list: readonly string[]): string {
  if (random.length !== wordsPerCode) {
    throw new RangeError(`A code takes ${wordsPerCode} random numbers, not ${random.length}.`);
  }
  return Array.from(random, (value) => list[value % list.length]).join("-");
}

export function codeText({ number, words }: Code): string {
  return `${number}-${words}`;
}

/** Reads what somebody has typed: in any case, with blanks or hyphens. Otherwise what is wrong. */
export function parseCode(text: string, list: readonly string[]): Code | { problem: string } {
  const typed = text
    .trim()
    .toLowerCase()
    .replaceAll(/[\s-]+/g, "-");
  const found = form.exec(typed);
  const words = found?.[2]?.split("-");
  if (found === null || words?.length !== wordsPerCode) {
    return { problem: "a code is a number and two words, such as 7-olive-lamp" };
  }
  const number = Number(found[1]);
  if (number === 0) return { problem: "the number of a code is never 0" };
  for (const word of words) {
    if (list.includes(word)) continue;
    const near = nearestWord(word, list);
    const advice = near === undefined ? "" : `: did you mean '${near}'?`;
    return { problem: `no code has the word '${word}'${advice}` };
  }
  return { number, words: words.join("-") };
}
