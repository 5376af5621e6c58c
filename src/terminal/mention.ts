// Whether a message mentions somebody: the name as a word of its own, in any case. Pure.

import { fold } from "../chat/names/grammar.ts";

/** Runs of what names are made of (src/chat/names/grammar.ts). */
const words = /[\p{L}\p{N}_.-][\p{L}\p{M}\p{N}_.-]*/gu;

/** `Ann.` ends a sentence and `-Ann` begins a list; but a name may have such an end itself. */
const punctuation = /^[.-]+|[.-]+$/g;

/**
 * More than this around a word is not looked through: trimming a run takes the square of its
 * length.
 */
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
