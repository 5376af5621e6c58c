// Search terms: messages match if they contain all words, regardless of letter case and width.
// Pure.

import { comparable } from "../../composed.ts";

/** The words of a search, in the form that `matches` expects. */
export function searchWords(text: string): readonly string[] {
  return comparable(text)
    .split(/\s+/)
    .filter((word) => word !== "");
}

/** Whether a text contains all words. */
export function matches(text: string, words: readonly string[]): boolean {
  const folded = comparable(text);
  return words.every((word) => folded.includes(word));
}
