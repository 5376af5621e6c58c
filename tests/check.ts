// Runs all checks: types, format, lint, tests.
//
//   bun tests/check.ts [FILTER of tests]
//
// Stops at the first step that fails, and names it. The last line on stdout counts the tests.

import { addTotals, parseSummary, parseTotals, skipReasons, type Totals } from "./totals.ts";

const root = `${import.meta.dir}/..`;
const path = `${root}/node_modules/.bin:${process.env["PATH"]}`;

await step("types", ["bun", "check"]);
await step("format", ["bun", "fmt", "--check"]);
// Run by Bun itself: oxlint's launcher needs Node, which not everyone has.
await step("lint", ["bun", "node_modules/oxlint/bin/oxlint", "--deny-warnings"]);
const isBed = (filter: string): boolean => filter.includes("tests/world");
const filters = process.argv.slice(2);
const unitFilters = filters.filter((filter) => !isBed(filter));
const outcomes: Outcome[] = [];
if (filters.length === 0 || unitFilters.length > 0) {
  outcomes.push(await tests(["bun", "test", "--timeout", "30000", ...unitFilters]));
}
// Namespaces, mounts and fake clocks: only in a full run, or on request.
if (filters.length === 0 || filters.some(isBed)) {
  outcomes.push(await testBed(["bun", "tests/world/run.ts", "--quick"]));
}
const { passed, failed, skipped } = outcomes.map(({ totals }) => totals).reduce(addTotals);
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
for (const { name, code, startedMs } of outcomes) conclude(name, code, startedMs);

type Outcome = { name: string; totals: Totals; code: number; startedMs: number };

/** Runs a command whose output matters only if it fails. */
async function step(name: string, command: readonly string[]): Promise<void> {
  const startedMs = performance.now();
  const { child, err } = start(command, "pipe");
  const [errText, outText] = await Promise.all([
    new Response(err).text(),
    new Response(child.stdout as ReadableStream).text(),
  ]);
  const code = await child.exited;
  if (code !== 0) process.stderr.write(outText + errText);
  conclude(name, code, startedMs);
}

async function tests(command: readonly string[]): Promise<Outcome> {
  const startedMs = performance.now();
  const { child, err } = start(command, "inherit");
  const decoder = new TextDecoder();
  let output = "";
  for await (const bytes of err) {
    process.stderr.write(bytes);
    output += decoder.decode(bytes, { stream: true });
  }
  const code = await child.exited;
  for (const [reason, count] of skipReasons(output)) console.error(`${count} skipped: ${reason}`);
  return { name: "tests", totals: parseTotals(output), code, startedMs };
}

/** Shows failures and why tests were skipped. */
async function testBed(command: readonly string[]): Promise<Outcome> {
  const startedMs = performance.now();
  const { child, err } = start(command, "pipe");
  const [errText, outText] = await Promise.all([
    new Response(err).text(),
    new Response(child.stdout as ReadableStream).text(),
  ]);
  const code = await child.exited;
  if (code === 0) {
    for (const line of outText.split("\n")) if (/^\d+ skipped: /.test(line)) console.error(line);
  } else process.stderr.write(outText + errText);
  return { name: "test bed", totals: parseSummary(outText), code, startedMs };
}

function start(command: readonly string[], stdout: "inherit" | "pipe") {
  const env = { ...process.env, PATH: path };
  const child = Bun.spawn([...command], { cwd: root, env, stdout, stderr: "pipe" });
  return { child, err: child.stderr };
}

function conclude(name: string, code: number, startedMs: number): void {
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  console.error(`${name}: ${code === 0 ? "fine" : "failed"} (${seconds} s)`);
  if (code !== 0) process.exit(code);
}
