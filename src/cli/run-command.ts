// Runs one loaded subcommand: strict flags, help, and the exit code for whatever it throws.

import { type CommandDef, runCommand } from "citty";
import { harmless } from "../text.ts";
import { type Arguments, blamed, strictArguments } from "./flags.ts";
import { exitCode, ParleyError } from "../errors.ts";
import { asksVersion, versionReport } from "./version-report.ts";
import { commandHelp } from "../terminal/command-help.ts";
import { terminalSize } from "../terminal/terminal-size.ts";
import { stdout } from "../terminal/output.ts";
import { fail } from "../terminal/voice.ts";

/** Answers the exit code; output may still be on its way. */
export async function run(
  name: string,
  command: CommandDef,
  words: readonly string[],
): Promise<number> {
  let variables: Arguments["variables"] = new Map();
  try {
    const definitions =
      (await (typeof command.args === "function" ? command.args() : command.args)) ?? {};
    const beforeDashes = words.includes("--") ? words.slice(0, words.indexOf("--")) : words;
    if (asksVersion(beforeDashes)) {
      stdout.data(versionReport(beforeDashes));
      return exitCode.done;
    }
    if (beforeDashes.includes("--help") || beforeDashes.includes("-h")) {
      const meta = await (typeof command.meta === "function" ? command.meta() : command.meta);
      const { columns } = terminalSize(process.stdout.columns, process.stdout.rows);
      const page = { columns, width: (text: string) => Bun.stringWidth(text) };
      stdout.data(commandHelp(name, meta?.description ?? "", definitions, page));
      return exitCode.done;
    }
    const given = strictArguments(name, definitions, words, process.env);
    ({ variables } = given);
    const { result } = await runCommand(command, { rawArgs: given.raw });
    return typeof result === "number" ? result : exitCode.done;
  } catch (error) {
    return explain(name, error, variables);
  }
}

function explain(name: string, error: unknown, variables: Arguments["variables"]): number {
  if (error instanceof ParleyError) {
    // Of a port in use the flag is told as the way out.
    const inUse = error.code === "port-in-use";
    const sentence = inUse ? error.message : blamed(error.message, variables);
    // What a server said may be part of it.
    fail(`parley ${name}: ${harmless(sentence)}`);
    return error.exitCode;
  }
  // citty's own: a required flag or argument is missing.
  if (error instanceof Error && error.name === "CLIError") {
    fail(`parley ${name}: ${plain(error.message)}; see parley ${name} --help`);
    return exitCode.usage;
  }
  const details = (error instanceof Error && error.stack) || String(error);
  const lines = details.split("\n").map(harmless).join("\n");
  fail(`parley ${name}: internal error, please report it: ${lines}`);
  return exitCode.failed;
}

function plain(text: string): string {
  return Bun.stripANSI(text);
}
