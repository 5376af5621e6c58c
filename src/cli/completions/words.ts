// How to complete each of a command's flags and arguments, derived from their hints. Pure.

import type { CommandModel, FlagModel } from "../command-model.ts";

/** How a value is completed. */
export type Values =
  | { kind: "none" | "file" | "folder" | "server" | "served-file" }
  /** One of these words. A word that ends in `=` is continued. */
  | { kind: "words"; words: readonly string[] };

export type CompletedFlag = FlagModel & {
  /** Undefined for a switch. */
  values: Values | undefined;
  isRepeatable: boolean;
};

export type CompletedCommand = {
  name: string;
  summary: string;
  flags: readonly CompletedFlag[];
  /** Its arguments. */
  words: readonly CompletedWord[];
  /** The address of a server may precede its arguments. */
  mayBeginWithServer: boolean;
};

/** `isRepeatable`: also all arguments after it. */
export type CompletedWord = { values: Values; isRepeatable: boolean };

/** Words for hints that do not list them, by the hint or by `COMMAND HINT`. */
export type Vocabulary = Readonly<Record<string, readonly string[]>>;

/** Flags common to all commands. */
const commonFlags: readonly FlagModel[] = [
  { long: "--help", short: "-h", hint: undefined, description: "Print help" },
  { long: "--version", short: "-V", hint: undefined, description: "Print the version" },
];

export function completedCommand(command: CommandModel, vocabulary: Vocabulary): CompletedCommand {
  const valuesOf = (hint: string) => valuesBehind(command.name, hint, vocabulary);
  const flags = [...command.flags, ...commonFlags].map((flag) => ({
    ...flag,
    values: flag.hint === undefined ? undefined : valuesOf(flag.hint),
    isRepeatable: flag.hint?.endsWith("…") === true,
  }));
  const words = command.words.map(({ hint }) => ({
    values: valuesOf(hint),
    isRepeatable: hint.endsWith("…"),
  }));
  const { name, summary, usage } = command;
  const isServerFirst = words[0]?.values.kind === "server";
  const mayBeginWithServer = usage.startsWith("[ADDRESS] ") && !isServerFirst;
  return { name, summary, flags, words, mayBeginWithServer };
}

function valuesBehind(command: string, hint: string, vocabulary: Vocabulary): Values {
  const words = vocabulary[`${command} ${hint}`] ?? vocabulary[hint];
  if (words !== undefined) return { kind: "words", words };
  if (/^[a-z]+(?:\|[a-z]+)+$/.test(hint)) return { kind: "words", words: hint.split("|") };
  const [what = ""] = hint.replace("…", "").split("|");
  if (what === "ADDRESS") return { kind: "server" };
  if (what === "DIR" || what === "FOLDER") return { kind: "folder" };
  if (what === "FILE" || what === "PATH") return { kind: "file" };
  if (command === "fetch-file" && hint === "NAME…") return { kind: "served-file" };
  return { kind: "none" };
}
