// Runs one loaded subcommand: strict flags, help and version; converts an error to a message, a
// `--json` object and an exit code.

import { type CommandDef, runCommand } from "citty";
import { harmless } from "../text.ts";
import { type Arguments, blameVariables, strictArguments } from "./flags.ts";
import { type ErrorCode, exitCode, exitCodeOf, ParleyError } from "../errors.ts";
import { asksVersion } from "./asks-version.ts";
import { isTerminal } from "../terminal/output/is-terminal.ts";
import { jsonLine } from "../terminal/output/json-line.ts";
import { terminalSize } from "../terminal/output/terminal-size.ts";
import { stderr, stdout } from "../terminal/output/output.ts";
import { fail } from "../terminal/output/diagnostics.ts";

/** Returns the exit code; output may still be pending. */
export async function run(
  name: string,
  command: CommandDef,
  words: readonly string[],
): Promise<number> {
  const flags = beforeDashes(words);
  let given: Arguments = { raw: [...flags], variables: new Map() };
  try {
    const definitions =
      (await (typeof command.args === "function" ? command.args() : command.args)) ?? {};
    if (asksVersion(flags)) {
      const { versionReport } = await import("./version-report.ts");
      stdout.data(versionReport(flags));
      return exitCode.done;
    }
    if (flags.includes("--help") || flags.includes("-h")) {
      stdout.data(await helpOf(name, command));
      return exitCode.done;
    }
    given = strictArguments(name, definitions, words, process.env);
    const { result } = await runCommand(command, { rawArgs: given.raw });
    return typeof result === "number" ? result : exitCode.done;
  } catch (error) {
    const failure = explain(name, error, given.variables);
    fail(`parley ${name}: ${failure.sentence}`);
    tellPrograms(name, beforeDashes(given.raw), failure);
    return failure.exitCode;
  }
}

/** What follows `--` is no flag, whatever it looks like. */
function beforeDashes(words: readonly string[]): readonly string[] {
  return words.includes("--") ? words.slice(0, words.indexOf("--")) : words;
}

async function helpOf(name: string, command: CommandDef): Promise<string> {
  const { modelOf } = await import("./command-models.ts");
  const { commandHelp } = await import("./command-help.ts");
  const { columns } = terminalSize(isTerminal(1) ? process.stdout.columns : undefined, undefined);
  const area = { columns, width: (text: string) => Bun.stringWidth(text) };
  return commandHelp(await modelOf(name, command), area);
}

type Failure = { code: ErrorCode; sentence: string; exitCode: number };

function explain(name: string, error: unknown, variables: Arguments["variables"]): Failure {
  if (error instanceof ParleyError) {
    const { code } = error;
    // An error about a port in use suggests flags as remedies, not as the cause.
    const sentence =
      code === "port-in-use" ? error.message : blameVariables(error.message, variables);
    // It may quote a server.
    return { code, sentence: harmless(sentence), exitCode: exitCodeOf(error) };
  }
  // From citty: a required flag or argument is missing.
  if (error instanceof Error && error.name === "CLIError") {
    const reason = Bun.stripANSI(error.message);
    const missing = reason.replace(/^Missing required (?:positional )?argument:/, "missing");
    const sentence = `${missing}: see parley ${name} --help`;
    return { code: "usage", sentence, exitCode: exitCode.usage };
  }
  const details = (error instanceof Error && error.stack) || String(error);
  const lines = details.split("\n").map(harmless).join("\n");
  const sentence = `internal error, please report it: ${lines}`;
  return { code: "failed", sentence, exitCode: exitCode.failed };
}

/** Prints the last object of `--json`, so that scripts need not parse stderr. */
function tellPrograms(name: string, flags: readonly string[], { code, sentence }: Failure): void {
  if (!flags.includes("--json") && !flags.includes("--json-in")) return;
  // With `-o -`, stdout carries the file.
  const events = flags.includes("--output=-") ? stderr : stdout;
  const event = name === "peer" ? "exit" : "ended";
  events.data(jsonLine({ event, code, message: sentence }));
}
