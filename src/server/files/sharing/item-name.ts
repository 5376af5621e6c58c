// The name of an upload in the shared folder: its own, or the next free one. Pure.

import { composed } from "../../../composed.ts";
import { sharing as limits } from "../../../limits.ts";
import { harmless, quoted, showsNothing } from "../../../text.ts";
import {
  foldedName,
  heldName,
  type NameRules,
  otherName,
} from "../../../transfer/tree/name-rules.ts";

/** The file system of a downloader may not distinguish `a` and `A`. */
const rules: NameRules = {
  isWindows: false,
  foldsCase: true,
  foldsAccents: true,
  maxName: limits.maxNameBytes,
};

/** Why something can't have that name, as a sentence; undefined: it can. */
export function nameProblem(name: string): string | undefined {
  const shown = quoted(name, 200);
  if (name === "" || showsNothing(name)) return `${shown} is not a file name`;
  if (/[/\\]/.test(name)) return `${shown} is not a file name: it has a slash in it`;
  if (name.startsWith(".")) {
    return `${shown} begins with a dot: such names are hidden, and not shared`;
  }
  if (harmless(name) !== name) return `${shown} is not a file name: it has control characters`;
  return undefined;
}

/** The form in which names are compared: names that look the same must not stand side by side. */
export function foldedItem(name: string): string {
  return foldedName(composed(name.replace(invisible, "")), rules);
}

/** Fillers, joiners, variation selectors, directional marks. */
const invisible = /\p{Default_Ignorable_Code_Point}/gu;

/** `isTaken`: whether a folded name is in use. */
export function freeName(name: string, isTaken: (folded: string) => boolean): string {
  const own = heldName(name, rules);
  for (let count = 1; ; count++) {
    const choice = count === 1 ? own : otherName(own, count, rules);
    if (!isTaken(foldedItem(choice))) return choice;
  }
}
