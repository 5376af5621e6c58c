// Guesses which of several words a mistyped one was meant to be, for "did you mean". Pure.

/**
 * The candidate (in lower case) that `written` abbreviates, else the one at the smallest edit
 * distance if that is close enough; undefined if none is.
 */
export function nearestWord(written: string, candidates: readonly string[]): string | undefined {
  const word = written.toLowerCase();
  const begun = candidates.filter((candidate) => candidate.startsWith(word));
  if (begun.length === 1 && /\w\w/.test(word)) return begun[0];
  const scored = candidates
    .filter(({ length }) => Math.abs(length - word.length) <= mostTypos(word))
    .map((candidate) => ({ candidate, far: distance(word, candidate) }));
  scored.sort((a, b) => a.far - b.far);
  const [best] = scored;
  return best !== undefined && best.far <= mostTypos(word) ? best.candidate : undefined;
}

/** In a short word two typos leave too little of it. */
function mostTypos(word: string): number {
  return word.length <= shortChars ? 1 : Math.max(2, word.length / 3);
}

const shortChars = 4;

/** Levenshtein distance, except that two swapped letters are one typo (optimal alignment). */
function distance(a: string, b: string): number {
  let last: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = isSwapped ? last[j - 2]! + 1 : Infinity;
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1, swap));
    }
    [last, row] = [row, next];
  }
  return row[b.length]!;
}
