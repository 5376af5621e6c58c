// How many messages fit on one page of history. Pure.

import { history as limits } from "../../limits.ts";

/** Which message a page must contain: the first, the last, or the one at that index. */
export type PageEnd = "oldest" | "newest" | { readonly around: number };

/**
 * As many of `messages` as fit `history.pageBytes` on the wire, without gaps, but at least the one
 * that the page must contain.
 */
export function fittingPage<T extends { text: string }>(
  messages: readonly T[],
  end: PageEnd,
): readonly T[] {
  const last = messages.length - 1;
  const middle = end === "oldest" ? 0 : end === "newest" ? last : Math.min(end.around, last);
  let [from, to] = [middle, middle];
  let bytes = wireBytes(messages[middle]);
  const fits = (at: number): boolean => {
    const more = wireBytes(messages[at]);
    if (at < 0 || at > last || bytes + more > limits.pageBytes) return false;
    bytes += more;
    return true;
  };
  let [isBackOpen, isForthOpen] = [true, true];
  while (isBackOpen || isForthOpen) {
    isBackOpen &&= fits(from - 1);
    if (isBackOpen) from--;
    isForthOpen &&= fits(to + 1);
    if (isForthOpen) to++;
  }
  return from === 0 && to === last ? messages : messages.slice(from, to + 1);
}

/** Upper bound. */
function wireBytes(message: { text: string } | undefined): number {
  return maxBytesPerUnit * (message?.text.length ?? 0) + frameBytes;
}

/** Approximate characters of a page on the wire. */
export function pageChars(messages: readonly { text: string }[]): number {
  return messages.reduce((sum, { text }) => sum + text.length + frameBytes, 0);
}

/**
 * A UTF-16 code unit takes at most 3 bytes of UTF-8; the rest of a message is its numbers and
 * names.
 */
const maxBytesPerUnit = 3;
const frameBytes = 200;
