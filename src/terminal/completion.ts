// What Tab makes of the text before the cursor: commands, names, rooms or files that fit. Pure.

import { fold } from "../chat/names/grammar.ts";
import { commands, type Completes } from "./chat-commands.ts";

export type Words = Readonly<Record<Completes, readonly string[]>>;

/** The new text before the cursor, and what there is to choose from when that is not decided yet. */
export type Completion = { before: string; choices: readonly string[] };

export function complete(before: string, words: Words): Completion {
  const { start, candidates, after } = place(before, words);
  const begun = before.slice(start);
  const fitting = candidates.filter((word) => fold(word).startsWith(fold(begun))).sort();
  const [only] = fitting;
  if (only === undefined) return { before, choices: [] };
  if (fitting.length === 1) return { before: before.slice(0, start) + only + after, choices: [] };
  const common = commonStart(fitting);
  // What was typed stays as it is when the candidates agree on no more than that.
  const word = common.length > begun.length ? common : begun;
  return { before: before.slice(0, start) + word, choices: fitting };
}

/** Which kind of word Tab would ask for here; undefined for commands. */
export function completesHere(before: string): Completes | undefined {
  return argumentOf(before)?.completes;
}

type Place = { start: number; candidates: readonly string[]; after: string };

function place(before: string, words: Words): Place {
  const argument = argumentOf(before);
  if (argument !== undefined) {
    const { completes, start } = argument;
    const after = completes === "name" && /^(?:\/msg|~)/.test(before) ? " " : "";
    return { start, candidates: words[completes], after };
  }
  if (/^\/\S*$/.test(before)) {
    const candidates = Object.keys(commands);
    return { start: 0, candidates, after: " " };
  }
  // In a message: names, at its beginning as an address.
  const start = before.search(/\S*$/);
  return { start, candidates: words.name, after: start === 0 ? ": " : " " };
}

function argumentOf(before: string): { completes: Completes; start: number } | undefined {
  const download = /^download_file\s+/.exec(before);
  if (download !== null) return { completes: "file", start: download[0].length };
  if (/^~\S*$/.test(before)) return { completes: "name", start: lastName(before, 1) };
  const command = /^(\/\S+)\s+/.exec(before);
  const completes = commands[(command?.[1] ?? "").toLowerCase()]?.completes;
  if (command === null || completes === undefined) return undefined;
  const start = command[0].length;
  if (completes !== "name") return { completes, start };
  // Behind the names of /msg comes text.
  return /\s/.test(before.slice(start)) ? undefined : { completes, start: lastName(before, start) };
}

function lastName(before: string, start: number): number {
  return Math.max(start, before.lastIndexOf(",") + 1);
}

function commonStart(words: readonly string[]): string {
  const [first = "", ...others] = words;
  let length = first.length;
  for (const word of others) {
    while (fold(word.slice(0, length)) !== fold(first.slice(0, length))) length--;
  }
  const start = first.slice(0, length);
  // Never half a surrogate pair.
  return start.isWellFormed() ? start : start.slice(0, -1);
}
