// The text of `parley COMMAND --help`. No row is wider than the terminal or has trailing spaces.
// Pure: the terminal's width is passed in.

import { type TextArea, wrapWords } from "../terminal/output/wrap.ts";
import { type CommandModel, type FlagModel, variableOf } from "./command-model.ts";

/** If fewer columns than this remain for a description, it goes below its flag. */
const minColumns = 30;

type Entry = { term: string; description: string };

export function commandHelp(command: CommandModel, area: TextArea): string {
  const { name, description, usage, flags } = command;
  const words = command.words.map((word) => ({ term: word.hint, description: word.description }));
  const hasShort = flags.some(({ short }) => short !== undefined);
  const entries = flags.map((flag) => flagEntry(flag, hasShort));
  const width = Math.max(...[...words, ...entries].map(({ term }) => area.width(term)));
  const list = (title: string, items: readonly Entry[]) =>
    items.length === 0 ? [] : [[title, ...items.flatMap((item) => rowsOf(item, width, area))]];
  const paragraphs = [
    wrapWords(`Usage: parley ${name} ${usage}`, area, { other: "  " }),
    wrapWords(description, area),
    ...list("Arguments:", words),
    ...list("Flags:", entries),
    ...examples(command, area),
    ...environment(name, flags, area),
  ];
  return `${paragraphs.map((rows) => rows.join("\n")).join("\n\n")}\n`;
}

/** Each on a row of its own, to be copied. */
function examples(command: CommandModel, area: TextArea): string[][] {
  const rows = command.examples.flatMap(({ line, does }) => below(line, does, area));
  return rows.length === 0 ? [] : [["Examples:", ...rows]];
}

function environment(name: string, flags: readonly FlagModel[], area: TextArea): string[][] {
  const [first] = flags;
  if (first === undefined) return [];
  const variable = variableOf(name, first.long.slice(2));
  return [wrapWords(`Every flag can also be set in the environment: ${variable}=…`, area)];
}

function flagEntry({ long, short, hint, description }: FlagModel, hasShort: boolean): Entry {
  const before = short === undefined ? (hasShort ? "    " : "") : `${short}, `;
  return { term: `${before}${long}${hint === undefined ? "" : ` ${hint}`}`, description };
}

function rowsOf({ term, description }: Entry, width: number, area: TextArea): string[] {
  if (area.columns - width - 4 < minColumns) {
    return below(term, description, area);
  }
  const gap = " ".repeat(width - area.width(term));
  const other = " ".repeat(width + 4);
  return wrapWords(description, area, { first: `  ${term}${gap}  `, other });
}

function below(term: string, description: string, area: TextArea): string[] {
  return [
    ...wrapWords(term, area, { first: "  ", other: "    " }),
    ...wrapWords(description, area, { first: "      ", other: "      " }),
  ];
}
