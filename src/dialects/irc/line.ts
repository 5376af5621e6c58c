// Parses and writes IRC lines: tags, command and parameters (modern.ircdocs.horse, "Message
// Format"; IRCv3 message-tags). Pure; knows no command.

import { irc as limits } from "../../limits.ts";
import { harmless } from "../../text.ts";

export type IrcLine = {
  /** As sent, with the escapes still in the values. */
  readonly tags: ReadonlyMap<string, string>;
  /** In upper case. */
  readonly command: string;
  readonly params: readonly string[];
};

/** A line that exceeds the protocol's limit for tags or for the rest. */
export const tooLongLine = Symbol("too long");

const noTags: ReadonlyMap<string, string> = new Map();

/** Parses a line without its line ending. Undefined if it is empty. */
export function parseLine(text: string): IrcLine | typeof tooLongLine | undefined {
  let at = 0;
  let tags = noTags;
  if (text.startsWith("@")) {
    const end = text.indexOf(" ");
    const part = end < 0 ? text : text.slice(0, end);
    // The trailing space counts towards the limit.
    if (isLonger(part, limits.maxClientTagBytes - 1)) return tooLongLine;
    tags = parseTags(part.slice(1));
    at = part.length;
  }
  if (isLonger(at === 0 ? text : text.slice(at).trimStart(), limits.maxLineBytes - 2)) {
    return tooLongLine;
  }
  at = skipSpaces(text, at);
  if (text[at] === ":") {
    const end = text.indexOf(" ", at);
    at = end < 0 ? text.length : skipSpaces(text, end);
  }
  const params: string[] = [];
  while (at < text.length) {
    if (text[at] === ":" && params.length > 0) {
      params.push(text.slice(at + 1));
      break;
    }
    const found = text.indexOf(" ", at);
    const end = found < 0 ? text.length : found;
    params.push(text.slice(at, end));
    at = skipSpaces(text, end);
  }
  const [command, ...rest] = params;
  return command === undefined ? undefined : { tags, command: command.toUpperCase(), params: rest };
}

function skipSpaces(text: string, from: number): number {
  let at = from;
  while (text[at] === " ") at++;
  return at;
}

function isLonger(text: string, bytes: number): boolean {
  // A UTF-16 code unit takes at most three bytes.
  return 3 * text.length > bytes && Buffer.byteLength(text) > bytes;
}

function parseTags(text: string): ReadonlyMap<string, string> {
  const tags = new Map<string, string>();
  for (const part of text.split(";")) {
    const [key = "", ...value] = part.split("=");
    if (key !== "") tags.set(key, unescapeTag(value.join("=")));
  }
  return tags;
}

const escapes: Readonly<Record<string, string>> = { ":": ";", s: " ", r: "\r", n: "\n" };

function unescapeTag(value: string): string {
  if (!value.includes("\\")) return value;
  return value.replace(/\\(.?)/gs, (_, letter: string) => escapes[letter] ?? letter);
}

const tagEscapes: Readonly<Record<string, string>> = {
  ";": "\\:",
  " ": "\\s",
  "\\": "\\\\",
  "\r": "\\r",
  "\n": "\\n",
};

export function escapeTag(value: string): string {
  return value.replace(/[; \\\r\n]/g, (letter) => tagEscapes[letter] ?? letter);
}

/** `+draft/reply=abc`: a tag name with or without a vendor. */
const clientTag = /^\+(?:[A-Za-z0-9.-]+\/)?[A-Za-z0-9-]+$/;

/**
 * The client-only tags of a line in the form in which they are passed on; undefined if there are
 * none.
 */
export function clientTagsOf(tags: ReadonlyMap<string, string>): string | undefined {
  if (tags.size === 0) return undefined;
  const kept: string[] = [];
  for (const [key, value] of tags) {
    if (!clientTag.test(key)) continue;
    // Clients show some of them, such as reactions.
    const text = harmless(value);
    kept.push(text === "" ? key : `${key}=${escapeTag(text)}`);
  }
  return kept.length === 0 ? undefined : kept.join(";");
}

/**
 * Parameters as written in a line; the last one gets a colon if it needs one. Where only a word can
 * stand, `*` stands for what is none, such as a nick with a space that a client asked for.
 */
export function paramsText(params: readonly string[], isTrailing = false): string {
  const last = params.length - 1;
  return params
    .map((param, i) => {
      const needsColon = param === "" || param.startsWith(":") || param.includes(" ");
      if (i === last) return isTrailing || needsColon ? `:${param}` : param;
      return needsColon ? "*" : param;
    })
    .join(" ");
}
