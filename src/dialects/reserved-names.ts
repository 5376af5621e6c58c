// Words with a meaning in some dialect, which can't be names in any. Apart from the dialects, so
// that clients need not load all of them; a test compares the two. Pure.

import { fold, nameProblem } from "../chat/names/grammar.ts";

const words = [
  // What a recipient or an address can be instead of a person.
  "ALL",
  "UDP",
  // Commands of the five old systems.
  "show",
  "accept",
  "reject",
  "leave",
  "exit",
  "q",
  "__users__",
  "get_list_file",
  "download_file",
  "CHANGENAME",
  // Openings of a connection in the C++ system, on the main port.
  "REGISTER",
  "BRIDGE",
  "CHAT",
  "QUIT",
];

/** Folded. */
export const reservedNames: ReadonlySet<string> = new Set(words.map(fold));

/** Why `name` is not valid for a person, as a sentence; undefined if it is valid. */
export function personNameProblem(name: string): string | undefined {
  return nameProblem(name, reservedNames);
}
