// Tab completion of the text before the cursor with commands, names, rooms or files. Pure.

import { fold } from "../../chat/names/grammar.ts";
import { terminal as limits } from "../../limits.ts";
import { naturally } from "../../natural-order.ts";
import { beginning, harmless } from "../../text.ts";
import type { Completes } from "../../client/slash-commands.ts";
import { slashCommands } from "../client/slash-commands.ts";

type Listed = Exclude<Completes, "path" | "command"> | "member";

/**
 * `member`: names of the people in the current room, for messages. `path`: completes paths, given
 * what is typed of them.
 */
export type Words = Readonly<Record<Listed, readonly string[]>> & {
  readonly path?: ((before: string) => Completion) | undefined;
};

/** The new text before the cursor, and the choices if there are several. */
export type Completion = { before: string; choices: readonly string[] };

export function complete(before: string, words: Words): Completion {
  const argument = argumentOf(before);
  if (argument?.completes === "path") {
    const { start } = argument;
    const path = words.path?.(before.slice(start));
    if (path === undefined) return { before, choices: [] };
    return { before: before.slice(0, start) + path.before, choices: path.choices };
  }
  const { start, candidates, after } = place(before, words);
  const begun = before.slice(start);
  const matching = candidates.filter((word) => fold(word).startsWith(fold(begun))).sort(naturally);
  const [only] = matching;
  if (only === undefined) return { before, choices: [] };
  if (matching.length === 1) return { before: before.slice(0, start) + only + after, choices: [] };
  const common = commonStart(matching);
  // Keep the typed text unless the candidates share a longer prefix.
  const word = common.length > begun.length ? common : begun;
  return { before: before.slice(0, start) + word, choices: matching };
}

/** The choices as they are shown: not all, if there are many. */
export function shownChoices({ choices }: Completion): string[] {
  const shown = choices.slice(0, limits.maxChoices).map(harmless);
  const more = choices.length - shown.length;
  return more > 0 ? [...shown, `… and ${more} more`] : shown;
}

/**
 * The kind of argument that Tab completes at this point; undefined for commands and in messages.
 */
export function completesHere(before: string): Completes | undefined {
  return argumentOf(before)?.completes;
}

type Place = { start: number; candidates: readonly string[]; after: string };

function place(before: string, words: Words): Place {
  const argument = argumentOf(before);
  if (argument !== undefined && argument.completes !== "path") {
    const { completes, start } = argument;
    if (completes === "command") {
      const slashes = Object.keys(slashCommands);
      const isBare = before[start] !== "/";
      const candidates = isBare ? slashes.map((slash) => slash.slice(1)) : slashes;
      return { start, candidates, after: "" };
    }
    const after = /^\/(?:msg|send)\s/i.test(before) ? " " : "";
    return { start, candidates: words[completes], after };
  }
  if (/^\/\S*$/.test(before)) {
    const candidates = Object.keys(slashCommands);
    return { start: 0, candidates, after: " " };
  }
  // In a message, Tab completes names. At the start, a name addresses somebody.
  const start = before.search(/\S*$/);
  return { start, candidates: words.member, after: start === 0 ? ": " : " " };
}

function argumentOf(before: string): { completes: Completes; start: number } | undefined {
  const command = /^(\/\S+)\s+/.exec(before);
  const word = (command?.[1] ?? "").toLowerCase();
  const completes = Object.hasOwn(slashCommands, word) ? slashCommands[word]?.completes : undefined;
  if (command === null || completes === undefined) return undefined;
  const start = command[0].length;
  if (completes === "file" || completes === "path") return { completes, start };
  const name = /^\S+\s+/.exec(before.slice(start));
  if (word === "/send" && name !== null) {
    return { completes: "path", start: start + name[0].length };
  }
  // The rest of /msg is text.
  if (/\s/.test(before.slice(start))) return undefined;
  return { completes, start: Math.max(start, before.lastIndexOf(",") + 1) };
}

function commonStart(words: readonly string[]): string {
  const [first = "", ...others] = words;
  let length = first.length;
  for (const word of others) {
    while (fold(word.slice(0, length)) !== fold(first.slice(0, length))) length--;
  }
  return beginning(first, length);
}
