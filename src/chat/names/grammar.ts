// One grammar of names for every dialect: who may be called what, and when two names are the same. Pure.

import { names as limits } from "../../limits.ts";
import { quoted } from "../../text.ts";

/** The room of everyone who names no other. */
export const lobby = "lobby";

const grammar = /^[\p{L}\p{N}_.-][\p{L}\p{M}\p{N}_.-]*$/u;

/** Letters and marks that show nothing (fillers, variation selectors): with them two names would look the same. */
const invisible = /\p{Default_Ignorable_Code_Point}/u;

/** More marks than a letter has in any script's words, and more of those accents that any letter may bear: they cover other lines. */
const crowded = new RegExp(
  `\\p{M}{${limits.maxMarks + 1}}|\\p{Script=Inherited}{${limits.maxAccents + 1}}`,
  "u",
);

/**
 * Scripts whose letters may stand together: one by itself, or what people write Chinese, Japanese and Korean with beside Latin
 * (UTS #39, section 5.2, "highly restrictive"). In other mixtures `Ann` could begin with a Greek or Cyrillic letter.
 */
const scripts = [
  "Latn Cyrl Grek Armn Hebr Arab Syrc Thaa Deva Beng Guru",
  "Gujr Orya Taml Telu Knda Mlym Sinh Thai Laoo Tibt Mymr",
  "Geor Ethi Khmr Mong Cher Cans",
].flatMap((names) => names.split(" "));
const together = [...scripts.map((script) => [script]), ["Latn", "Hani", "Hira", "Kana"]];
together.push(["Latn", "Hani", "Bopo"], ["Latn", "Hani", "Hang"]);
const unmixed = together.map((set) => {
  const letters = [...set, "Zyyy", "Zinh"].map((script) => `\\p{scx=${script}}`).join("");
  return new RegExp(`^[${letters}]*$`, "u");
});
/** Letters of none of those scripts: not worth a list of who may stand beside whom. */
const rare = new RegExp(
  `^[^${[...new Set(together.flat())].map((script) => `\\p{sc=${script}}`).join("")}]*$`,
  "u",
);

/** UTF-16 units of the longest name of a person or a room. */
const maxUnits = 2 * Math.max(limits.maxChars, limits.maxRoomChars);

/** The form in which names are compared (NFKC, case folded): `Ann`, `ANN` and `ａｎｎ` are one name, `straße` and `STRASSE` too. */
export function fold(name: string): string {
  // No name is so long, or it is folded already; normalizing what a stranger sends takes the square of its length.
  if (name.length > maxUnits) return name;
  // The names of most people are plain; normalizing costs ten times as much.
  return /^[\x20-\x7e]*$/.test(name)
    ? name.toLowerCase()
    : foldCase(name.normalize("NFKC")).normalize("NFKC");
}

/**
 * Letters that differ in case alone become one, as in Unicode's full case folding: `ß`, which is `SS` in capitals, its own capital
 * `ẞ`, which is none of those, and the sigma that stands at the end of words. The dotless `ı` becomes `i`, whose capital it has.
 */
function foldCase(text: string): string {
  return text.toLowerCase().toUpperCase().toLowerCase().replaceAll("ς", "σ");
}

/**
 * Undefined if `name` can be a person's name; else the sentence that says why not. `reserved`: folded
 * words that some dialect reads as something else, so that nobody can be called so.
 */
export function nameProblem(name: string, reserved: ReadonlySet<string>): string | undefined {
  if (name === "") return "A name can't be empty: use letters, digits, '_', '-' or '.'";
  if (reserved.has(fold(name))) return `The name ${quoted(name)} is reserved: choose another`;
  return grammarProblem("name", name, limits.maxChars);
}

/** The same for an alias, which may have several words with a blank between them, as no name has. */
export function aliasProblem(alias: string, reserved: ReadonlySet<string>): string | undefined {
  if (alias.length > maxUnits) return nameProblem(alias, reserved);
  const problems = alias.split(" ").map((word) => nameProblem(word, reserved));
  const problem = problems.find(Boolean);
  return problem ?? grammarProblem("name", alias.replaceAll(" ", "_"), limits.maxChars);
}

/** Undefined if `room` can be a room's name; else the sentence that says why not. */
export function roomProblem(room: string): string | undefined {
  if (room === "") return "A room's name can't be empty: use letters, digits, '_', '-' or '.'";
  return grammarProblem("room name", room, limits.maxRoomChars);
}

function grammarProblem(what: string, name: string, maxChars: number): string | undefined {
  // By code points, and without walking through a megabyte to say that it is too long.
  if (name.length > 2 * maxChars || Array.from(name).length > maxChars) {
    return `The ${what} ${quoted(name)} is longer than ${maxChars} characters: choose a shorter one`;
  }
  if (crowded.test(name)) {
    return `The ${what} ${quoted(name)} has too many accents on one letter: use at most ${limits.maxAccents}`;
  }
  if (!grammar.test(name) || hasInvisible(name)) {
    return `The ${what} ${quoted(name)} is invalid: use only letters, digits, '_', '-' or '.'`;
  }
  if (isMixed(name)) {
    return `The ${what} ${quoted(name)} mixes letters of several scripts: use those of one`;
  }
  return undefined;
}

/** Whether letters of scripts stand together that do not belong together. */
function isMixed(name: string): boolean {
  if (/^[\x20-\x7e]*$/.test(name)) return false;
  const letters = name.normalize("NFKC");
  return !rare.test(letters) && !unmixed.some((script) => script.test(letters));
}

/** Whether something in a text can't be seen, so that it looks like another. */
export function hasInvisible(text: string): boolean {
  return invisible.test(text);
}

/** The name of a member that gave none: its address and port, as select-chat has it. No grammar lets anyone choose it. */
export function addressName(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
