// Makes text from people harmless for every terminal, log and line protocol. Pure.

// C0, DEL and C1 controls, line and paragraph separators, and bidirectional overrides, which can
// make a line read backwards.
const unsafe = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;
const escapes = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\^_])/g;
const lineEnds = /\r\n|[\n\r\t\v\f\u0085\u2028\u2029]/g;
const lineEnd = /\r?\n/;
const unsafeAll = new RegExp(unsafe.source, "g");

/**
 * Returns text that can neither move a cursor nor forge a line: escape sequences and control
 * characters are dropped, line endings and tabs become a space, and lone surrogates U+FFFD. Other
 * text is returned unchanged.
 */
export function harmless(text: string): string {
  const wellFormed = text.toWellFormed();
  if (!unsafe.test(wellFormed)) return wellFormed;
  return wellFormed.replace(escapes, "").replace(lineEnds, " ").replace(unsafeAll, "");
}

/** Like `harmless`, but keeps line endings, as `\n`. Blank lines at both ends are dropped. */
export function harmlessLines(text: string): string {
  if (!unsafe.test(text)) return text.toWellFormed();
  const lines = text.replace(escapes, "").split(lineEnd).map(harmless);
  const first = lines.findIndex(isWritten);
  return first < 0 ? "" : lines.slice(first, lines.findLastIndex(isWritten) + 1).join("\n");
}

function isWritten(line: string): boolean {
  return /[^ ]/.test(line);
}

/** A sentence as it stands within another one. */
export function withoutPeriod(sentence: string): string {
  return sentence.replace(/\.$/, "");
}

/** At most `maxChars` UTF-16 code units of a well-formed text, without half a character. */
export function beginning(text: string, maxChars: number): string {
  const start = text.slice(0, maxChars);
  return start.isWellFormed() ? start : start.slice(0, -1);
}

/** The text without the line endings that it ends with. Linear, as `/[\r\n]+$/` would not be. */
export function withoutLineEnd(text: string): string {
  let end = text.length;
  while (end > 0 && (text[end - 1] === "\n" || text[end - 1] === "\r")) end--;
  return text.slice(0, end);
}

/** The text without the byte order mark with which some editors begin a file. */
export function withoutMark(text: string): string {
  return text.startsWith("\ufeff") ? text.slice(1) : text;
}

/** The number of lines. */
export function lineCount(text: string): number {
  // Nearly all texts have one line, and splitting takes three times as long.
  return text.includes("\n") ? text.split("\n").length : 1;
}

/** Joins a text of several lines into one. */
export function oneLine(text: string): string {
  return text.includes("\n") ? text.replaceAll("\n", " ") : text;
}

/**
 * Whether nothing of a text is visible once it is harmless: spaces, controls, escapes, fillers.
 * Such a message is not sent.
 */
export function showsNothing(text: string): boolean {
  // Most messages begin with a visible character.
  const first = text.charCodeAt(0);
  if (first > 0x20 && first < 0x7f) return false;
  return !/[^\s\p{Default_Ignorable_Code_Point}]/u.test(harmless(text));
}

/**
 * Replaces a tab in text of several lines, which is code more often than not, before it is sent:
 * the server would make it a single space.
 */
export const tabSpaces = "    ";

/** The text with a full stop, if it has none, so that another sentence can follow. */
export function fullSentence(text: string): string {
  return /[.?!…]$/.test(text) ? text : `${text}.`;
}

/**
 * Quotes a value for an error sentence: harmless, and shortened if it would dominate the sentence.
 */
export function quoted(value: string, maxChars = 40): string {
  const clean = harmless(value);
  return clean.length > maxChars ? `'${clean.slice(0, maxChars).toWellFormed()}…'` : `'${clean}'`;
}
