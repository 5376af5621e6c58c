// The text of `parley COMMAND --help`, generated from the definitions of its flags. No row is wider
// than the terminal or has trailing spaces. Pure: the terminal's width is passed in.

import type { ArgDef, ArgsDef } from "citty";
import { type TextArea, wrapWords } from "../terminal/wrap.ts";

/** Usage lines that the definitions can't express. */
const usages: Readonly<Record<string, string>> = {
  admin: "[ADDRESS] COMMAND… [flags]",
  "fetch-file": "[ADDRESS] NAME… [flags]",
};

/** If a description has fewer columns than this, it goes below its flag. */
const minColumns = 30;

type Entry = { term: string; description: string };

/** `description` says what the command does. */
export function commandHelp(
  name: string,
  description: string,
  definitions: ArgsDef,
  area: TextArea,
): string {
  const all = Object.entries(definitions);
  const words = all.filter(([, { type }]) => type === "positional").map(wordEntry);
  const flags = all.filter(([, { type }]) => type !== "positional");
  const hasShort = flags.some(([, definition]) => shortOf(definition) !== undefined);
  const entries = flags.map(([flag, definition]) => flagEntry(flag, definition, hasShort));
  const width = Math.max(...[...words, ...entries].map(({ term }) => area.width(term)));
  const list = (title: string, items: readonly Entry[]) =>
    items.length === 0 ? [] : [[title, ...items.flatMap((item) => rowsOf(item, width, area))]];
  const variable = `PARLEY_${name}_${flags[0]?.[0] ?? ""}`.toUpperCase().replaceAll("-", "_");
  const environment = `Every flag can also be set in the environment: ${variable}=…`;
  const paragraphs = [
    wrapWords(`Usage: parley ${name} ${usages[name] ?? usageOf(all)}`, area, { other: "  " }),
    wrapWords(description, area),
    ...list("Arguments:", words),
    ...list("Flags:", entries),
    wrapWords(environment, area),
  ];
  return `${paragraphs.map((rows) => rows.join("\n")).join("\n\n")}\n`;
}

function usageOf(all: readonly [string, ArgDef][]): string {
  const parts = all.flatMap(([name, definition]) => {
    if (definition.type === "positional") {
      const word = hintOf(name, definition);
      return definition.required === false ? `[${word}]` : word;
    }
    return definition.required === true ? `--${name} ${hintOf(name, definition)}` : [];
  });
  return [...parts, "[flags]"].join(" ");
}

function wordEntry([name, definition]: [string, ArgDef]): Entry {
  return { term: hintOf(name, definition), description: definition.description ?? "" };
}

/** A switch that is on by default is listed in its negative form. */
function flagEntry(name: string, definition: ArgDef, hasShort: boolean): Entry {
  const short = shortOf(definition);
  const before = short === undefined ? (hasShort ? "    " : "") : `-${short}, `;
  if (definition.type === "boolean") {
    const { description, negativeDescription } = definition;
    return definition.default === true
      ? { term: `${before}--no-${name}`, description: negativeDescription ?? description ?? "" }
      : { term: `${before}--${name}`, description: description ?? "" };
  }
  const tail = definition.default === undefined ? "" : ` (default ${definition.default})`;
  const description = `${definition.description ?? ""}${tail}`;
  return { term: `${before}--${name} ${hintOf(name, definition)}`, description };
}

function hintOf(name: string, definition: ArgDef): string {
  const hint = "valueHint" in definition ? definition.valueHint : undefined;
  return hint ?? name.toUpperCase();
}

function shortOf(definition: ArgDef): string | undefined {
  return "alias" in definition ? [definition.alias ?? []].flat()[0] : undefined;
}

function rowsOf({ term, description }: Entry, width: number, area: TextArea): string[] {
  if (area.columns - width - 4 < minColumns) {
    return [
      ...wrapWords(term, area, { first: "  ", other: "    " }),
      ...wrapWords(description, area, { first: "      ", other: "      " }),
    ];
  }
  const gap = " ".repeat(width - area.width(term));
  const other = " ".repeat(width + 4);
  return wrapWords(description, area, { first: `  ${term}${gap}  `, other });
}
