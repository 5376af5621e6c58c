// Which names a file system can store, and how other names are changed. The rules are the same for
// every fetch, so that a repeated fetch finds what the first one saved. Pure.

import { foldCase } from "../../composed.ts";
import { fnv1a } from "../fnv1a.ts";

/** Properties of the receiving file system. */
export interface NameRules {
  /**
   * Follows the rules of Windows and its file systems: no `:` or `\`, no `CON`, no trailing dot.
   */
  readonly isWindows: boolean;
  /** `a` and `A` are the same file. */
  readonly foldsCase: boolean;
  /** Composed and decomposed accents are the same name. */
  readonly foldsAccents: boolean;
  /** Maximum length of a name, in UTF-16 code units on Windows, otherwise in bytes of UTF-8. */
  readonly maxName: number;
}

const reservedCharacters = /[<>:"/\\|?*\u0000-\u001f]/g;
/** Device names, with any extension and with spaces before it. */
const device = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|$)/i;
/**
 * Next to a partial file, such names would be taken for what a fetch has left: a sender could
 * decide what another fetch finds there.
 */
const bookkeeping = /\.part\.(?:journal|lock)$/i;
/** Longest extension that a shortened name keeps, in UTF-16 code units. */
const maxEndingUnits = 16;

/** The name in a form that the file system can store: usually unchanged. */
export function heldName(name: string, rules: NameRules): string {
  const allowed = rules.isWindows ? windowsName(name) : name;
  return shortened(bookkeeping.test(allowed) ? `${allowed}_` : allowed, rules);
}

/**
 * Equal for names that would be the same file. May be equal for other names too, but never differs
 * for the same file.
 */
export function foldedName(name: string, { foldsCase, foldsAccents }: NameRules): string {
  const composed = foldsAccents || foldsCase ? name.normalize("NFC") : name;
  return foldsCase ? foldCase(composed).normalize("NFC") : composed;
}

/** The `count`th alternative for a name that is taken: `a (2).txt`. */
export function otherName(name: string, count: number, rules: NameRules): string {
  const { stem, ending } = split(name);
  const mark = ` (${count})`;
  return `${cut(stem, rules.maxName - lengthOf(mark + ending, rules), rules)}${mark}${ending}`;
}

function windowsName(name: string): string {
  const plain = name
    .replace(reservedCharacters, "_")
    .replace(/[. ]+$/, (end) => "_".repeat(end.length));
  return device.test(plain) ? `_${plain}` : plain;
}

/** A name that is too long loses the end of its stem; a hash of the full name keeps it unique. */
function shortened(name: string, rules: NameRules): string {
  if (lengthOf(name, rules) <= rules.maxName) return name;
  const { stem, ending } = split(name);
  const end = `~${fnv1a(name).toString(16).padStart(8, "0")}${ending}`;
  return `${cut(stem, rules.maxName - lengthOf(end, rules), rules)}${end}`;
}

function split(name: string): { stem: string; ending: string } {
  const dot = name.lastIndexOf(".");
  const isEnding = dot > 0 && name.length - dot <= maxEndingUnits;
  return isEnding
    ? { stem: name.slice(0, dot), ending: name.slice(dot) }
    : { stem: name, ending: "" };
}

function cut(stem: string, room: number, rules: NameRules): string {
  const points = Array.from(stem);
  let length = lengthOf(stem, rules);
  while (length > room) length -= lengthOf(points.pop() ?? "", rules);
  return points.join("");
}

function lengthOf(text: string, { isWindows }: NameRules): number {
  return isWindows ? text.length : encoder.encode(text).length;
}

const encoder = new TextEncoder();
