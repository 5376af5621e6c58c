// A command's help on terminals of every width: no row is wider, no word is lost.

import { expect, test } from "bun:test";
import type { ArgsDef } from "citty";
import { commandHelp } from "../../src/cli/command-help.ts";
import { commandExamples } from "../../src/cli/command-examples.ts";
import { commandModel } from "../../src/cli/command-model.ts";
import { commandModels } from "../../src/cli/command-models.ts";
import { commands } from "../../src/cli/command-table.ts";
import { strictArguments } from "../../src/cli/flags.ts";
import { codeOf } from "../../src/tls/code-words.ts";

const definitions: ArgsDef = {
  name: { type: "positional", description: "Who it is" },
  others: { type: "positional", required: false, valueHint: "NAME…", description: "Who else" },
  port: { type: "string", required: true, valueHint: "N", description: "Port, any" },
  output: { type: "string", alias: "o", valueHint: "PATH", description: "Where it goes" },
  web: { type: "boolean", default: true, description: "A page", negativeDescription: "No page" },
  host: { type: "string", default: "127.0.0.1", description: "Address to listen on" },
};
const command = commandModel("call", { summary: "", description: "Call somebody" }, definitions);
const words = (text: string) => text.split(/\s+/).toSorted();
const width = (text: string) => Bun.stringWidth(text);

test("at 60 columns", () => {
  const area = { columns: 60, width };
  expect(commandHelp(command, area).split("\n")).toEqual([
    "Usage: parley call NAME [NAME…] --port N [flags]",
    "",
    "Call somebody",
    "",
    "Arguments:",
    "  NAME               Who it is",
    "  NAME…              Who else",
    "",
    "Flags:",
    "      --port N       Port, any",
    "  -o, --output PATH  Where it goes",
    "      --no-web       No page",
    "      --host HOST    Address to listen on (default",
    "                     127.0.0.1)",
    "",
    "Every flag can also be set in the environment:",
    "PARLEY_CALL_PORT=…",
    "",
  ]);
});

test("at any width from 24 columns: no row is wider or ends in blanks, no word is lost", () => {
  const whole = commandHelp(command, { columns: 1000, width });
  for (let columns = 24; columns <= 130; columns++) {
    const help = commandHelp(command, { columns, width });
    const rows = help.split("\n");
    expect(rows.filter((row) => width(row) > columns || row.endsWith(" "))).toEqual([]);
    expect(words(help)).toEqual(words(whole));
  }
});

test("a command without flags mentions none", () => {
  const { name } = definitions;
  const { usage } = commandModel("hail", { summary: "", description: "" }, { name: name! });
  expect(usage).toBe("NAME");
});

test("examples are shown, each for a command and with flags that exist", async () => {
  const models = await commandModels(commands);
  expect(Object.keys(commandExamples).filter((name) => commands[name] === undefined)).toEqual([]);
  for (const model of models) {
    const { name, examples } = model;
    const { args } = (await commands[name]!.load()).default;
    const help = commandHelp(model, { columns: 80, width });
    for (const { line, does } of examples) {
      expect(help).toContain(`\n  ${line}\n      ${does}\n`);
      const [before, words] = line.split(`parley ${name}`);
      expect([line, before]).toEqual([line, expect.stringMatching(/^(.* [|] )?$/)]);
      const given = (words ?? "").split(" ").filter((word) => word !== "");
      expect(() => strictArguments(name, args as ArgsDef, given, {})).not.toThrow();
      const code = given[given.indexOf("--code") + 1];
      if (name === "fetch-file" && given.includes("--code")) codeOf(code ?? "");
    }
  }
});
