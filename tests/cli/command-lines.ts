// Runs several command lines of parley one after the other in one process: to start the executable
// for each takes longer than all of them. `bun command-lines.ts LINES`, a JSON array of arrays of
// words, prints the exit code after each on both streams, between two NULs.

import { commands } from "../../src/cli/command-table.ts";
import { run } from "../../src/cli/run-command.ts";
import { flush, stderr, stdout } from "../../src/terminal/output/output.ts";

const lines = JSON.parse(process.argv[2] ?? "[]") as string[][];
for (const [name = "", ...words] of lines) {
  const { default: command } = await commands[name]!.load();
  const code = await run(name, command, words);
  await flush(true);
  for (const stream of [stdout, stderr]) stream.data(`\0${code}\0`);
  await flush(true);
}
process.exit(0);
