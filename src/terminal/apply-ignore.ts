// `/ignore` and `/unignore`: what they change, and what is said about it. Pure.

import type { IgnoreList } from "../client/events.ts";
import { client as limits } from "../limits.ts";
import { harmless, quoted } from "../text.ts";
import type { TypedLine } from "./slash-commands.ts";

type Ignore = Extract<TypedLine, { do: "ignore" | "unignore" }>;

/** `keep` stores the names, and returns why it can't. */
export function applyIgnore(
  typed: Ignore,
  list: IgnoreList,
  keep: (names: readonly string[]) => string | undefined,
): string {
  const { name } = typed;
  if (name === undefined) {
    if (list.names.length === 0) return "You ignore nobody";
    return `You ignore ${list.names.map(harmless).join(", ")}`;
  }
  if (typed.do === "unignore") {
    if (!list.remove(name)) return `You do not ignore ${quoted(name)}`;
  } else if (!list.add(name)) {
    return `You ignore ${limits.maxIgnored} people already: /unignore some first`;
  }
  const problem = keep(list.names);
  const kept = problem === undefined ? "" : `, until you leave (${problem})`;
  const verb = typed.do === "ignore" ? "You do not hear" : "You hear";
  return `${verb} ${harmless(name)}${typed.do === "ignore" ? " any more" : " again"}${kept}`;
}
