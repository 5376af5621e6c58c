// The people that lines of a pipe are for. Pure.

import { fold } from "../../chat/names/grammar.ts";

/** Each of them once, however the name is spelled; the first spelling stays. */
export function distinctPeople(names: readonly string[]): string[] {
  const people = new Map<string, string>();
  for (const name of names) if (!people.has(fold(name))) people.set(fold(name), name);
  return [...people.values()];
}
