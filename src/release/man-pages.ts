// Man pages in man(7): one for the program and one for each command, generated from the same
// definitions as the help. Pure.

import { type CommandModel, type FlagModel, variableOf } from "../cli/command-model.ts";
import { exitMeanings } from "../cli/exit-meanings.ts";

export type ManPage = { file: string; text: string };

/** `date`: of the release, `YYYY-MM-DD`. */
export type Release = { version: string; date: string };

/** Descriptions of a command's own subcommands. */
export type Orders = Readonly<Record<string, readonly { usage: string; help: string }[]>>;

export function manPages(
  commands: readonly CommandModel[],
  orders: Orders,
  release: Release,
): ManPage[] {
  const overview = { file: "parley.1", text: overviewPage(commands, release) };
  const pages = commands.map((command) => ({
    file: `parley-${command.name}.1`,
    text: commandPage(command, orders[command.name] ?? [], release),
  }));
  return [overview, ...pages];
}

function overviewPage(commands: readonly CommandModel[], release: Release): string {
  return page([
    header("parley", release),
    section("NAME", String.raw`parley \- chat and file transfer for people and machines`),
    section("SYNOPSIS", String.raw`.B parley`, String.raw`.I COMMAND`, "[flags]"),
    section(
      "DESCRIPTION",
      ...prose(
        "One executable is a chat server, a terminal client, a web page and a peer-to-peer client, " +
          "and sends and fetches files.",
      ),
    ),
    section(
      "COMMANDS",
      ...commands.flatMap(({ name, summary }) => [
        ".TP",
        `.BR parley\\-${roff(name)} (1)`,
        ...prose(summary),
      ]),
    ),
    section(
      "ENVIRONMENT",
      ...prose(
        `Every flag can also be set in the environment, as PARLEY_COMMAND_FLAG, such as ` +
          `${variableOf("server", "port")}. A flag wins over its variable; lists are ` +
          "comma-separated, switches are 0 or 1.",
      ),
    ),
    section("EXIT STATUS", ...exitMeanings.flatMap(([code, text]) => item(String(code), text))),
    section(
      "FILES",
      ...item(
        "$XDG_CONFIG_HOME/parley (~/.config/parley)",
        "The key of this device (identity), and the servers and people that it knows.",
      ),
      ...item(
        "$XDG_STATE_HOME/parley (~/.local/state/parley)",
        "What a server keeps that has neither --data nor --state: its key, registered names and " +
          "operators' decisions.",
      ),
    ),
    seeAlso(commands.map(({ name }) => name)),
  ]);
}

function commandPage(command: CommandModel, orders: Orders[string], release: Release): string {
  const { name, summary, description, usage, words, flags, examples } = command;
  const [first] = flags;
  return page([
    header(`parley-${name}`, release),
    section("NAME", ...wrap(roff(`parley-${name} - ${lowerFirst(summary)}`))),
    section("SYNOPSIS", `.B parley ${roff(name)}`, roff(usage)),
    section("DESCRIPTION", ...prose(description)),
    section("ARGUMENTS", ...words.flatMap((word) => item(word.hint, word.description))),
    section("COMMANDS", ...orders.flatMap(({ usage, help }) => item(usage, help))),
    section("OPTIONS", ...flags.flatMap(flagItem)),
    section("EXAMPLES", ...examples.flatMap(({ line, does }) => item(line, does))),
    section(
      "ENVIRONMENT",
      ...(first === undefined
        ? []
        : prose(
            `Every flag can also be set in the environment, such as ` +
              `${variableOf(name, first.long.slice(2))}.`,
          )),
    ),
    seeAlso([]),
  ]);
}

function flagItem({ long, short, hint, description }: FlagModel): string[] {
  const bold = [short, long].flatMap((flag) => (flag === undefined ? [] : `\\fB${roff(flag)}\\fR`));
  const value = hint === undefined ? "" : ` \\fI${roff(hint)}\\fR`;
  return [".TP", `${bold.join(", ")}${value}`, ...prose(description)];
}

function header(title: string, { version, date }: Release): string {
  return `.TH ${roff(title.toUpperCase())} 1 "${date}" "parley ${version}" "User Commands"`;
}

/** Empty if there are no lines. */
function section(title: string, ...lines: readonly string[]): string {
  return lines.length === 0 ? "" : [`.SH ${title}`, ...lines].join("\n");
}

function item(term: string, text: string): string[] {
  return [".TP", `.B "${roff(term)}"`, ...prose(text)];
}

function seeAlso(commands: readonly string[]): string {
  if (commands.length === 0) return section("SEE ALSO", ".BR parley (1)");
  const lines = commands.map(
    (name, index) => `.BR parley\\-${roff(name)} (1)${index === commands.length - 1 ? "" : " ,"}`,
  );
  return section("SEE ALSO", ...lines);
}

function page(parts: readonly string[]): string {
  return `${parts.filter((part) => part !== "").join("\n")}\n`;
}

function lowerFirst(text: string): string {
  return /^[A-Z][a-z]/.test(text) ? text[0]!.toLowerCase() + text.slice(1) : text;
}

const maxColumns = 78;

/** A sentence, with a full stop. */
function prose(text: string): string[] {
  return wrap(roff(/[.…]$/.test(text) ? text : `${text}.`));
}

/** Wraps source lines. */
function wrap(source: string): string[] {
  const rows: string[] = [];
  let row = "";
  for (const word of source.split(" ")) {
    if (row !== "" && row.length + 1 + word.length > maxColumns) {
      rows.push(row);
      row = "";
    }
    // A line that begins with . or ' would be a request.
    row = row === "" ? word.replace(/^[.']/, String.raw`\&$&`) : `${row} ${word}`;
  }
  return [...rows, row];
}

/** Escapes a text for roff: it contains no requests or escapes, and hyphens stay ASCII hyphens. */
function roff(text: string): string {
  return text
    .replaceAll("\\", String.raw`\e`)
    .replaceAll("-", String.raw`\-`)
    .replaceAll('"', String.raw`\(dq`)
    .replace(/[^\x20-\x7e]/gu, (character) => {
      const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
      return `\\[u${code}]`;
    })
    .replace(/^[.']/, String.raw`\&$&`);
}
