// One-time codes as people say them: `7-olive-lamp`. The number identifies the offer and is not
// secret; the words are, and there is only one attempt to guess them. Pure; randomness and the list
// of 2 048 words are passed in.

import { nearestWord } from "../nearest-word.ts";

/** From a list of 2 048: the chance of a correct guess is 1 in 4 194 304. */
const wordsPerCode = 2;

export type Code = {
  /** Assigned by the server, from 1 up. */
  readonly number: number;
  /** The secret words, spelled the same at both ends. */
  readonly words: string;
};

/** No number with more digits was ever assigned. */
const form = /^(\d{1,6})-([a-z]+(?:-[a-z]+)*)$/;

/** `random`: one unsigned 16-bit number per word. */
export function newCodeWords(random: Uint16Array, list: readonly string[]): string {
  if (random.length !== wordsPerCode) {
    throw new RangeError(`A code takes ${wordsPerCode} random numbers, not ${random.length}.`);
  }
  return Array.from(random, (value) => list[value % list.length]).join("-");
}

export function codeText({ number, words }: Code): string {
  return `${number}-${words}`;
}

/**
 * Parses what somebody typed or pasted: in any case, with anything between the words that is
 * neither letter nor digit, or as a link for browsers, whose code is behind `#`. Otherwise returns
 * what is wrong.
 */
export function parseCode(text: string, list: readonly string[]): Code | { problem: string } {
  const typed = text
    .slice(text.lastIndexOf("#") + 1)
    .normalize("NFKC")
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, "-")
    .replaceAll(/^-|-$/g, "");
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
