// Whether a message mentions somebody: their name as a whole word, in any case. Pure.

import { fold } from "../chat/names/grammar.ts";

/** Runs of the characters that names consist of (src/chat/names/grammar.ts). */
const words = /[\p{L}\p{N}_.-][\p{L}\p{M}\p{N}_.-]*/gu;

/** Punctuation around a name, as in `Ann.` or `-Ann`; but names may contain it, too. */
const punctuation = /^[.-]+|[.-]+$/g;

/** Words with more punctuation than this are skipped: trimming takes quadratic time. */
const maxPunctuation = 16;

export function mentions(text: string, name: string): boolean {
  if (name === "") return false;
  const wanted = fold(name);
  return (text.match(words) ?? []).some(
    (word) =>
      word.length <= 2 * name.length + maxPunctuation &&
      (fold(word) === wanted || fold(word.replace(punctuation, "")) === wanted),
  );
}
