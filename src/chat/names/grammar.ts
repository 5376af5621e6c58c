// The grammar of names in all dialects: which are valid, and when two are equal. Pure.

import { foldCase } from "../../composed.ts";
import { names as limits } from "../../limits.ts";
import { quoted } from "../../text.ts";

/** The default room. */
export const lobby = "lobby";

const grammar = /^[\p{L}\p{N}_.-][\p{L}\p{M}\p{N}_.-]*$/u;

/** Invisible letters and marks (fillers, variation selectors) would make two names look alike. */
const invisible = /\p{Default_Ignorable_Code_Point}/u;

/**
 * More marks than any script puts on a letter, or more generic accents; these would cover other
 * lines.
 */
const crowded = new RegExp(
  `\\p{M}{${limits.maxMarks + 1}}|\\p{Script=Inherited}{${limits.maxAccents + 1}}`,
  "u",
);

/**
 * Scripts that may be mixed: each one alone, or the combinations used for Chinese, Japanese and
 * Korean (UTS #39, section 5.2, "highly restrictive"). Otherwise `Ann` could start with a Greek or
 * Cyrillic letter.
 */
const scripts = [
  "Latn Cyrl Grek Armn Hebr Arab Syrc Thaa Deva Beng Guru",
  "Gujr Orya Taml Telu Knda Mlym Sinh Thai Laoo Tibt Mymr",
  "Geor Ethi Khmr Mong Cher Cans",
].flatMap((names) => names.split(" "));
const together = [...scripts.map((script) => [script]), ["Latn", "Hani", "Hira", "Kana"]];
together.push(["Latn", "Hani", "Bopo"], ["Latn", "Hani", "Hang"]);

type ScriptForms = {
  readonly unmixed: readonly RegExp[];
  /** Letters of other scripts, too rare to list their combinations. */
  readonly rare: RegExp;
};
let madeForms: ScriptForms | undefined;

/** Made for the first name that needs them: every program starts without. */
function scriptForms(): ScriptForms {
  madeForms ??= {
    unmixed: together.map((set) => {
      const letters = [...set, "Zyyy", "Zinh"].map((script) => `\\p{scx=${script}}`).join("");
      return new RegExp(`^[${letters}]*$`, "u");
    }),
    rare: new RegExp(
      `^[^${[...new Set(together.flat())].map((script) => `\\p{sc=${script}}`).join("")}]*$`,
      "u",
    ),
  };
  return madeForms;
}

/** Length of the longest name, in UTF-16 code units. */
const maxUnits = 2 * Math.max(limits.maxChars, limits.maxRoomChars);

/**
 * The form in which names are compared (NFKC, case-folded): `Ann`, `ANN` and `ａｎｎ` are the same
 * name, and so are `straße` and `STRASSE`.
 */
export function fold(name: string): string {
  // Too long for a name, or already folded; normalizing hostile input takes quadratic time.
  if (name.length > maxUnits) return name;
  // Most names are ASCII; normalizing costs ten times as much.
  return /^[\x20-\x7e]*$/.test(name)
    ? name.toLowerCase()
    : foldCase(name.normalize("NFKC")).normalize("NFKC");
}

/**
 * Undefined if `name` is a valid name; otherwise a sentence that says why not. `reserved`: folded
 * words with a meaning in some dialect.
 */
export function nameProblem(name: string, reserved: ReadonlySet<string>): string | undefined {
  if (name === "") return "A name can't be empty: use letters, digits, '_', '-' or '.'";
  if (reserved.has(fold(name))) return `The name ${quoted(name)} is reserved: choose another`;
  return grammarProblem("name", name, limits.maxChars);
}

/** The same for an alias, which may consist of several words. */
export function aliasProblem(alias: string, reserved: ReadonlySet<string>): string | undefined {
  if (alias.length > maxUnits) return nameProblem(alias, reserved);
  const problems = alias.split(" ").map((word) => nameProblem(word, reserved));
  const problem = problems.find(Boolean);
  return problem ?? grammarProblem("name", alias.replaceAll(" ", "_"), limits.maxChars);
}

/**
 * Undefined if `room` is a valid room name; otherwise a sentence that says why not. Its folded
 * form, under which everybody knows the room, must be valid too: that of `½` is not.
 */
export function roomProblem(room: string): string | undefined {
  if (room === "") return "A room's name can't be empty: use letters, digits, '_', '-' or '.'";
  const problem = grammarProblem("room name", room, limits.maxRoomChars);
  if (problem !== undefined) return problem;
  const isKept = grammarProblem("room name", fold(room), limits.maxRoomChars) === undefined;
  return isKept ? undefined : invalid("room name", room);
}

function grammarProblem(what: string, name: string, maxChars: number): string | undefined {
  // Counted in code points, but without iterating over a megabyte of input.
  if (name.length > 2 * maxChars || Array.from(name).length > maxChars) {
    return `The ${what} ${quoted(name)} is longer than ${maxChars} characters: choose a shorter one`;
  }
  if (crowded.test(name)) {
    return `The ${what} ${quoted(name)} has too many accents on one letter: use at most ${limits.maxAccents}`;
  }
  if (!grammar.test(name) || hasInvisible(name)) return invalid(what, name);
  if (isMixed(name)) {
    return `The ${what} ${quoted(name)} mixes several scripts: use letters of only one`;
  }
  return undefined;
}

function invalid(what: string, name: string): string {
  return `The ${what} ${quoted(name)} is invalid: use only letters, digits, '_', '-' or '.'`;
}

/** Whether the name mixes scripts that must not be mixed. */
function isMixed(name: string): boolean {
  if (/^[\x20-\x7e]*$/.test(name)) return false;
  const letters = name.normalize("NFKC");
  const { unmixed, rare } = scriptForms();
  return !rare.test(letters) && !unmixed.some((script) => script.test(letters));
}

/** Whether the text contains invisible characters and may look like another. */
export function hasInvisible(text: string): boolean {
  return invisible.test(text);
}

/**
 * The name of a member that chose none: its address and port, as in select-chat. The grammar
 * prevents anybody from choosing it.
 */
export function addressName(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
