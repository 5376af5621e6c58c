// Finds the subcommand and runs it. Contains the only call of process.exit.

import { asksVersion } from "./cli/asks-version.ts";
import { commands } from "./cli/command-table.ts";
import { nearestWord } from "./nearest-word.ts";
import { exitCode, exitCodeOf, ParleyError, unwritable } from "./errors.ts";
import { flush, stderr, stdout } from "./terminal/output/output.ts";
import { fail } from "./terminal/output/diagnostics.ts";
import { version } from "./version.ts";

const width = Math.max(...Object.keys(commands).map((name) => name.length));
const help = `parley ${version}: chat and file transfer for people and machines

Usage: parley COMMAND [flags]

Commands:
${Object.entries(commands)
  .map(([name, { description }]) => `  ${name.padEnd(width)}  ${description}`)
  .join("\n")}

parley COMMAND --help lists its flags. Each can also be set in the environment:
PARLEY_SERVER_PORT=55000.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 cannot connect, 4 refused,
5 not found, 6 integrity or protocol error, 7 stalled, 130 interrupted.
`;

async function main(words: readonly string[]): Promise<number> {
  const [first = "", ...others] = words;
  const wantsHelp = first === "help" && others[0] !== undefined;
  const [name, rest] = wantsHelp ? [others[0]!, ["--help"]] : [first, others];
  if (name === "--help" || name === "-h" || name === "help") return tell(help);
  if (/^-(?:v|V|-version|-json)$/.test(name) && asksVersion(words)) {
    const { versionReport } = await import("./cli/version-report.ts");
    return tell(versionReport(words));
  }
  if (!Object.hasOwn(commands, name)) {
    const near = nearestWord(name, [...Object.keys(commands), "--help", "--version"]);
    const hint = near === undefined ? "see parley --help" : `did you mean ${near}?`;
    if (name === "") stderr.data(help);
    else {
      const what = name.startsWith("-") ? "flag" : "command";
      fail(`parley: unknown ${what} '${printable(name)}': ${hint}`);
    }
    return exitCode.usage;
  }
  const { default: command } = await commands[name]!.load();
  const { run } = await import("./cli/run-command.ts");
  return run(name, command, rest);
}

function tell(text: string): number {
  stdout.data(text);
  return exitCode.done;
}

function printable(word: string): string {
  return word.slice(0, 40).replace(/[^\x20-\x7e]/g, "?");
}

let code: number;
try {
  code = await main(process.argv.slice(2));
} catch (error) {
  code = error instanceof ParleyError ? exitCodeOf(error) : exitCode.failed;
  const text = error instanceof ParleyError ? error.message : (error as Error).stack;
  fail(`parley: ${text}`);
}
await flush(code === exitCode.done);
// A script must not take a part of the data for all of it.
if (stdout.failure !== undefined && code === exitCode.done) {
  code = exitCode.failed;
  fail(`parley: ${unwritable(stdout.failure).message}`);
  await stderr.flush();
}
process.exit(code);
