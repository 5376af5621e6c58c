// Runs all checks: types, format, lint, tests.
//
//   bun tests/check.ts [FILTER of tests]
//
// Without sound types, format and lint no test runs. Names what failed at the end; the last line on
// stdout counts the tests.

import { existsSync, readFileSync, statfsSync } from "node:fs";
import { availableParallelism, freemem } from "node:os";
import { join } from "node:path";
import {
  addTotals,
  failedTests,
  parseSummary,
  parseTotals,
  skipReasons,
  type Totals,
} from "./totals.ts";
import { allocation } from "./usual-memory.ts";

const root = `${import.meta.dir}/..`;
const path = `${root}/node_modules/.bin:${process.env["PATH"]}`;
const temporary = temporaryFolder();

const bunTest = ["bun", "test"];
/** How many processes share the other files: most tests wait more than they work. */
const processes = Math.min(3 * availableParallelism(), 12);
// As under plain `bun test`, the files of a process share what they import. The longest files start
// first.
const together = [`--parallel=${processes}`, "--no-isolate", "--timings=tests/timings.json"];

await step("types", ["bun", "check"]);
await step("format", ["bun", "fmt", "--check"]);
// Run by Bun itself: oxlint's launcher needs Node, which not everyone has.
await step("lint", ["bun", "node_modules/oxlint/bin/oxlint", "--deny-warnings"]);
// Tests start it more than a thousand times.
await step("executable for tests", ["bun", "build.ts", "--if-needed", "--bytecode"]);
const isBed = (filter: string): boolean => filter.includes("tests/world");
// Namespaces, mounts and fake clocks: only in a full run, or on request.
const bed = ["bun", "tests/world/run.ts", "--quick"];
const filters = process.argv.slice(2);
const outcomes: Outcome[] = [];
if (filters.length === 0) {
  // The bed mostly waits for its networks, and leaves the processors to the other tests meanwhile.
  const beside = testBed("test bed", bed);
  outcomes.push(await tests("tests", [...bunTest, ...together]), await beside);
} else if (!filters.every(isBed)) {
  outcomes.push(await tests("tests", [...bunTest, ...filters.filter((one) => !isBed(one))]));
}
if (filters.some(isBed)) outcomes.push(await testBed("test bed", [...bed, "--jobs", "8"]));
for (const line of outcomes.flatMap(({ failures }) => failures)) console.error(line);
const { passed, failed, skipped } = outcomes.map(({ totals }) => totals).reduce(addTotals);
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
for (const outcome of outcomes) report(outcome);
process.exit(outcomes.find(({ code }) => code !== 0)?.code ?? 0);

type Outcome = {
  name: string;
  totals: Totals;
  /** A line for each test that failed. */
  failures: readonly string[];
  code: number;
  seconds: number;
};

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
  report({ name, code, seconds: secondsSince(startedMs) });
  if (code !== 0) process.exit(code);
}

async function tests(name: string, command: readonly string[]): Promise<Outcome> {
  const startedMs = performance.now();
  // The last of Bun's compilers takes more time than its code saves while it runs for seconds: up
  // to a third of a test's.
  const quick = { BUN_JSC_useFTLJIT: "0" };
  const { child, err } = start(command, "inherit", quick);
  const decoder = new TextDecoder();
  let output = "";
  for await (const bytes of err) {
    process.stderr.write(bytes);
    output += decoder.decode(bytes, { stream: true });
  }
  const code = await child.exited;
  for (const [reason, count] of skipReasons(output)) console.error(`${count} skipped: ${reason}`);
  const [totals, failures] = [parseTotals(output), failedTests(output)];
  return { name, totals, failures, code, seconds: secondsSince(startedMs) };
}

/** Shows failures and why tests were skipped. */
async function testBed(name: string, command: readonly string[]): Promise<Outcome> {
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
  const failures = outText.split("\n").filter((line) => line.startsWith("FAILED "));
  const totals = parseSummary(outText);
  return { name, totals, failures, code, seconds: secondsSince(startedMs) };
}

/** `more`: of the environment, unless that says otherwise. */
function start(
  command: readonly string[],
  stdout: "inherit" | "pipe",
  more: Readonly<Record<string, string>> = {},
) {
  // Some virtual machines take 20 µs for a page fault, and most of a test process's are for memory
  // that it has just given back.
  const parley = { PARLEY_BIN: join(root, "dist/bytecode/parley") };
  const defaults = { ...parley, ...allocation, ...temporary, ...more };
  const env = { ...defaults, ...process.env, PATH: path };
  const child = Bun.spawn([...command], { cwd: root, env, stdout, stderr: "pipe" });
  return { child, err: child.stderr };
}

/**
 * Where tests write: into memory, where there is room. A disk took a tenth of the processor time of
 * all tests.
 */
function temporaryFolder(): Record<string, string> {
  const folder = "/dev/shm";
  if (!existsSync("/proc/mounts")) return {};
  const mounts = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "));
  const options = mounts.find(([, at, type]) => at === folder && type === "tmpfs")?.[3];
  if (options === undefined || options.split(",").includes("noexec")) return {};
  const { bavail, bsize } = statfsSync(folder);
  return Math.min(bavail * bsize, freemem()) > 4e9 ? { TMPDIR: folder } : {};
}

function secondsSince(startedMs: number): number {
  return (performance.now() - startedMs) / 1000;
}

function report({ name, code, seconds }: Pick<Outcome, "name" | "code" | "seconds">): void {
  console.error(`${name}: ${code === 0 ? "fine" : "failed"} (${seconds.toFixed(1)} s)`);
}
