// The one command that checks everything: types, format, lint, tests.   bun tests/check.ts [FILTER of tests]
// Ends with the first that fails, and says which.

import { parseTotals } from "./totals.ts";

const root = `${import.meta.dir}/..`;
const steps: [name: string, command: string[]][] = [
  ["types", ["bun", "check"]],
  ["format", ["bun", "fmt", "--check"]],
  // Run by Bun itself: its launcher asks for Node, which not everyone has.
  ["lint", ["bun", "node_modules/oxlint/bin/oxlint", "--deny-warnings"]],
  ["tests", ["bun", "test", "--timeout", "30000", ...process.argv.slice(2)]],
];
const path = `${root}/node_modules/.bin:${process.env["PATH"]}`;

for (const [name, command] of steps) {
  const startedMs = performance.now();
  const child = Bun.spawn(command, {
    cwd: root,
    env: { ...process.env, PATH: path },
    stdout: name === "tests" ? "inherit" : "pipe",
    stderr: "pipe",
  });
  const [err, out] = await Promise.all([
    collect(child.stderr, name === "tests"),
    name === "tests" ? "" : new Response(child.stdout as ReadableStream).text(),
  ]);
  const code = await child.exited;
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  if (code !== 0) {
    if (name !== "tests") process.stderr.write(out + err);
    console.error(`${name}: failed after ${seconds} s`);
    process.exit(code || 1);
  }
  console.error(`${name}: fine (${seconds} s)`);
  if (name === "tests") {
    const { passed, failed, skipped } = parseTotals(err);
    console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  }
}

/** Passes a stream on as it comes, if asked to, and answers all of it. */
async function collect(stream: ReadableStream<Uint8Array>, show: boolean): Promise<string> {
  const decoder = new TextDecoder();
  let all = "";
  for await (const bytes of stream) {
    if (show) process.stderr.write(bytes);
    all += decoder.decode(bytes, { stream: true });
  }
  return all;
}
