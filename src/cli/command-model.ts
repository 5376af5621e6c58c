// The flags and arguments of a command, derived from its flag definitions: the single source of its
// help, man page and completions. Pure.

import type { ArgDef, ArgsDef } from "citty";
import { commandExamples, type Example } from "./command-examples.ts";

export type CommandModel = {
  name: string;
  /** The line in lists of commands. */
  summary: string;
  description: string;
  /** The text after `parley NAME`. */
  usage: string;
  words: readonly WordModel[];
  flags: readonly FlagModel[];
  examples: readonly Example[];
};

/** An argument that is not a flag. */
export type WordModel = { hint: string; description: string };

export type FlagModel = {
  /** As people type it: `--port`; for a switch that is on by default, `--no-web`. */
  long: string;
  /** `-p` */
  short: string | undefined;
  /** A placeholder for its value; undefined for a switch. */
  hint: string | undefined;
  /** Including the default. */
  description: string;
};

/** Usage lines that can't be derived from the definitions. */
const usages: Readonly<Record<string, string>> = {
  admin: "[ADDRESS] COMMAND… [flags]",
  "fetch-file": "[ADDRESS] NAME… [flags]",
  "send-file": "[ADDRESS] PATH… [--to NAME] [flags]",
};

export function commandModel(
  name: string,
  about: { summary: string; description: string },
  definitions: ArgsDef,
): CommandModel {
  const all = Object.entries(definitions);
  const words = all.filter(([, { type }]) => type === "positional");
  const flags = all.filter(([, { type }]) => type !== "positional");
  return {
    name,
    ...about,
    usage: usages[name] ?? usageOf(all),
    words: words.map(([word, definition]) => ({
      hint: hintOf(word, definition),
      description: definition.description ?? "",
    })),
    flags: flags.map(([flag, definition]) => flagModel(flag, definition)),
    examples: commandExamples[name] ?? [],
  };
}

/** The variable that sets a flag: `PARLEY_FETCH_FILE_LIMIT_RATE`. */
export function variableOf(command: string, flag: string): string {
  return `PARLEY_${command}_${flag}`.toUpperCase().replaceAll("-", "_");
}

function usageOf(all: readonly [string, ArgDef][]): string {
  const parts = all.flatMap(([name, definition]) => {
    if (definition.type === "positional") {
      const word = hintOf(name, definition);
      return definition.required === false ? `[${word}]` : word;
    }
    return definition.required === true ? `--${name} ${hintOf(name, definition)}` : [];
  });
  const hasFlags = all.some(([, { type }]) => type !== "positional");
  return (hasFlags ? [...parts, "[flags]"] : parts).join(" ");
}

function flagModel(name: string, definition: ArgDef): FlagModel {
  const alias = "alias" in definition ? [definition.alias ?? []].flat()[0] : undefined;
  const short = alias === undefined ? undefined : `-${alias}`;
  const { description = "" } = definition;
  if (definition.type === "boolean") {
    const isOn = definition.default === true;
    return {
      long: isOn ? `--no-${name}` : `--${name}`,
      short,
      hint: undefined,
      description: isOn ? (definition.negativeDescription ?? description) : description,
    };
  }
  const tail = definition.default === undefined ? "" : ` (default ${definition.default})`;
  const hint = hintOf(name, definition);
  return { long: `--${name}`, short, hint, description: `${description}${tail}` };
}

function hintOf(name: string, definition: ArgDef): string {
  const hint = "valueHint" in definition ? definition.valueHint : undefined;
  return hint ?? name.toUpperCase();
}
