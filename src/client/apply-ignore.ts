// `/ignore` and `/unignore`: applies them and returns the sentence to show. Pure.

import { fold } from "../chat/names/grammar.ts";
import { client as limits } from "../limits.ts";
import { harmless, quoted } from "../text.ts";
import type { NativeSession } from "./events.ts";
import type { IgnoreLine } from "./slash-commands.ts";

/** `keep` stores the change; returns why it can't. */
export function applyIgnore(
  typed: IgnoreLine,
  { name: self = "", ignored: list }: Pick<NativeSession, "name" | "ignored">,
  keep: (name: string, isIgnored: boolean) => string | undefined,
): string {
  const { name } = typed;
  if (name === undefined) {
    if (list.names.length === 0) return "You are not ignoring anybody";
    return `You are ignoring ${list.names.map(harmless).join(", ")}`;
  }
  if (typed.do === "unignore") {
    if (!list.remove(name)) return `You are not ignoring ${quoted(name)}`;
  } else if (fold(name) === fold(self)) {
    return "That is you: name somebody else";
  } else if (!list.add(name)) {
    return `You are already ignoring ${limits.maxIgnored} people: /unignore some first`;
  }
  const problem = keep(name, typed.do === "ignore");
  const kept = problem === undefined ? "" : `, until you leave (${problem})`;
  const who = harmless(name);
  const done =
    typed.do === "ignore" ? `You are now ignoring ${who}` : `You are no longer ignoring ${who}`;
  return done + kept;
}
