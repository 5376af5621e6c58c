// Message texts in IRC: formatting codes, CTCP ACTION, and lines of at most 512 bytes. Pure.

import type { MessageKind } from "../../chat/events.ts";
import { irc as limits } from "../../limits.ts";

// Bold, italics, underline, strikethrough, monospace, reverse, reset, and colours with their
// numbers.
const formatting =
  /[\u0002\u001d\u001f\u001e\u0011\u0016\u000f]|\u0003(?:\d{1,2}(?:,\d{1,2})?)?|\u0004(?:[0-9a-f]{6}(?:,[0-9a-f]{6})?)?/gi;
const formats = /[\u0002-\u0004\u000f\u0011\u0016\u001d-\u001f]/;

/** Strips formatting codes, which the other dialects cannot show. */
export function withoutFormatting(text: string): string {
  return formats.test(text) ? text.replace(formatting, "") : text;
}

const ctcpMark = "\u0001";

/**
 * The text or action of a PRIVMSG; undefined for any other CTCP message, which parley does not
 * relay.
 */
export function readCtcp(
  text: string,
): { text: string; kind: MessageKind | undefined } | undefined {
  if (!text.startsWith(ctcpMark)) return { text, kind: undefined };
  const inside = text.slice(1, text.endsWith(ctcpMark) && text.length > 1 ? -1 : undefined);
  const [word = "", ...rest] = inside.split(" ");
  return word.toUpperCase() === "ACTION" ? { text: rest.join(" "), kind: "emote" } : undefined;
}

/** Splits a message's text into lines, each preceded by `before` bytes. */
export function messageLines(
  beforeBytes: number,
  kind: MessageKind | undefined,
  text: string,
): readonly string[] {
  const isEmote = kind === "emote";
  const command = kind === "notice" ? "NOTICE" : "PRIVMSG";
  // The command, a space, a colon, the line ending, and the frame of an ACTION.
  const frame = command.length + 2 + 2 + (isEmote ? 9 : 0);
  const room = limits.maxLineBytes - beforeBytes - frame;
  const lines = text.split("\n").filter((line) => line !== "");
  const parts = (lines.length === 0 ? [""] : lines).flatMap((line) => splitText(line, room));
  return isEmote ? parts.map((part) => `${ctcpMark}ACTION ${part}${ctcpMark}`) : parts;
}

/** Splits into pieces of at most `bytes` bytes, between characters and preferably at a space. */
function splitText(text: string, bytes: number): readonly string[] {
  if (3 * text.length <= bytes || Buffer.byteLength(text) <= bytes) return [text];
  const pieces: string[] = [];
  let start = 0;
  while (start < text.length) {
    let end = start;
    let used = 0;
    let space = -1;
    while (end < text.length) {
      const point = text.codePointAt(end)!;
      const size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
      if (used + size > bytes) break;
      if (point === 0x20) space = end;
      used += size;
      end += point > 0xffff ? 2 : 1;
    }
    if (end === start) break;
    // Wasting half a line just to cut at a space is too much.
    if (end < text.length && space > start + (end - start) / 2) end = space + 1;
    pieces.push(text.slice(start, end));
    start = end;
  }
  return pieces;
}
