// How many messages of the past one answer may hold. Pure.

import { history as limits } from "../limits.ts";

/**
 * As many of `messages`, from the oldest or the newest on, as one page may hold: `history.pageBytes` on the wire, but one in any
 * case.
 */
export function fittingPage<T extends { text: string }>(
  messages: readonly T[],
  from: "oldest" | "newest",
): readonly T[] {
  let bytes = 0;
  for (let i = 0; i < messages.length; i++) {
    const { text } = messages[from === "oldest" ? i : messages.length - 1 - i]!;
    bytes += maxBytesPerUnit * text.length + frameBytes;
    if (bytes <= limits.pageBytes || i === 0) continue;
    return from === "oldest" ? messages.slice(0, i) : messages.slice(messages.length - i);
  }
  return messages;
}

/** About what a page is on the wire, in characters. */
export function pageChars(messages: readonly { text: string }[]): number {
  return messages.reduce((sum, { text }) => sum + text.length + frameBytes, 0);
}

/** UTF-8 of one UTF-16 unit at most, and a message's numbers and names. */
const maxBytesPerUnit = 3;
const frameBytes = 200;
