// Paths as people type them after `/send` and `/share`, and their completion with Tab. Reads
// folders; knows no prompt.

import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { homeFolder } from "../../io/home-folder.ts";
import { naturally } from "../../natural-order.ts";
import { beginning, harmless } from "../../text.ts";
import type { Completion } from "./completion.ts";

/** The whole text if a file of that name exists; otherwise words, quoted or not. */
export function pathsOf(typed: string): string[] {
  const whole = atHome(typed);
  if (existsSync(whole)) return [whole];
  const words = typed.matchAll(/"([^"]*)"|'([^']*)'|((?:\\.|[^\s\\])+)/g);
  return Array.from(words, ([, double, single, bare]) =>
    atHome(double ?? single ?? (bare ?? "").replaceAll(/\\(.)/g, "$1")),
  );
}

/** Completes the last path with what is in its folder. `before`: the paths before the cursor. */
export function completePath(before: string): Completion {
  const { start, quote, text } = lastWord(before);
  const cut = text.lastIndexOf("/") + 1;
  const [folder, begun] = [text.slice(0, cut), text.slice(cut)];
  const names = namesIn(atHome(folder))
    .filter((name) => name.normalize("NFC").startsWith(begun.normalize("NFC")))
    .filter((name) => begun !== "" || !name.startsWith("."))
    .filter((name) => harmless(name) === name && !(quote !== "" && name.includes(quote)))
    .toSorted(naturally);
  const [only] = names;
  if (only === undefined) return { before, choices: [] };
  const head = before.slice(0, start) + quote;
  if (names.length > 1) {
    const common = commonStart(names);
    const word = common.length > begun.length ? common : begun;
    const kept = word === begun ? before : head + written(folder + word, quote);
    return { before: kept, choices: names };
  }
  const path = folder + only;
  const end = isFolder(atHome(path)) ? "/" : `${quote} `;
  return { before: head + written(path, quote) + end, choices: [] };
}

/** `quote`: the quotation mark that the word is in; `text`: what it stands for. */
type Word = { start: number; quote: '"' | "'" | ""; text: string };

/** The word at the end of the text, in the syntax of `pathsOf`. */
function lastWord(typed: string): Word {
  let word: Word = { start: 0, quote: "", text: "" };
  for (let i = 0; i < typed.length; i++) {
    const character = typed[i]!;
    if (word.quote !== "") {
      if (character === word.quote) word = { start: i + 1, quote: "", text: "" };
      else word.text += character;
    } else if (word.text === "" && (character === '"' || character === "'")) {
      word = { start: i, quote: character, text: "" };
    } else if (character === "\\") word.text += typed[++i] ?? "";
    else if (/\s/.test(character)) word = { start: i + 1, quote: "", text: "" };
    else word.text += character;
  }
  return word;
}

/** The path as it must be typed. */
function written(path: string, quote: Word["quote"]): string {
  return quote === "" ? path.replaceAll(/[\s\\]|^["']/g, "\\$&") : path;
}

/** Without names that are not UTF-8, which nobody could type. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder === "" ? "." : folder).filter((name) => !name.includes("\ufffd"));
  } catch {
    return [];
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** What all of these names begin with. */
export function commonStart(names: readonly string[]): string {
  const [first = "", ...others] = names;
  let length = first.length;
  for (const name of others) while (!name.startsWith(first.slice(0, length))) length--;
  return beginning(first, length);
}

function atHome(path: string): string {
  return path === "~" || path.startsWith("~/") ? join(homeFolder(), path.slice(1)) : path;
}
