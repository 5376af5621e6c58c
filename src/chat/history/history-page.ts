// How many messages fit on one page of history. Pure.

import { history as limits } from "../../limits.ts";

/**
 * The longest prefix ("oldest") or suffix ("newest") of `messages` that fits `history.pageBytes` on
 * the wire, but at least one message.
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
