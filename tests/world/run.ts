// Runs the test bed: networks, file systems, clocks, terminals and strangers that other tests do
// not have.
//
//     bun tests/world/run.ts [FILTER] [--quick] [--jobs N]
//
// FILTER is part of a test's name. --quick skips slow tests, and those not started within 200 s.
// Everything that the bed creates is removed again, also after a failure or an interrupt. Its last
// line counts the tests.

import "../own-folders.ts";
import { existsSync, readdirSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { run, succeeds } from "./bed/command.ts";
import { whyNot } from "./bed/needs.ts";
import { disposeAll, prefix, Scope } from "./bed/scope.ts";
import { tests, type WorldTest } from "./bed/tests.ts";

// The data observed and forged here is plain text; tests/cli/tls.test.ts tests TLS. Older binaries
// ignore these variables.
for (const command of ["SERVER", "CLIENT", "FETCH_FILE", "PEER", "CLASSIC"]) {
  process.env[`PARLEY_${command}_PLAIN`] = "1";
}

const folder = join(import.meta.dir, "faults");
for (const file of readdirSync(folder).sort()) await import(join(folder, file));

const { values, positionals } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    jobs: { type: "string", default: "4" },
  },
  allowPositionals: true,
});
const isQuick = values.quick;
const jobs = Number(values.jobs);
const [filter = ""] = positionals;

/** The slowest takes 90 s where nothing else runs. */
const timeoutMs = 400_000;
/** Less than the other tests take, beside which they run. */
const quickSeconds = 200;
const beganMs = performance.now();

const passed: WorldTest[] = [];
const failures: { test: WorldTest; why: string }[] = [];
const skipped = new Map<string, WorldTest[]>();

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => void disposeAll().then(() => process.exit(130)));
}

removeLeftovers();
const chosen = tests.filter((test) => test.name.includes(filter));
const runnable = chosen.filter((test) => {
  const tooLong = isQuick && test.isSlow ? "takes long: bun tests/world/run.ts" : undefined;
  const reason = tooLong ?? whyNot(test.needs);
  if (reason !== undefined) skip(test, reason);
  return reason === undefined;
});

// The longest first, so that none of them runs alone at the end.
runnable.sort((a, b) => Number(b.isSlow) - Number(a.isSlow));
await Promise.all(
  Array.from({ length: jobs }, async () => {
    for (let test = runnable.shift(); test !== undefined; test = runnable.shift())
      await perform(test);
  }),
);

for (const { test, why } of failures) console.log(`\nFAILED  ${test.name}\n${why}`);
for (const [reason, some] of skipped) console.log(`${some.length} skipped: ${reason}`);
const skips = chosen.length - passed.length - failures.length;
console.log(`${passed.length} passed, ${failures.length} failed, ${skips} skipped`);
process.exit(failures.length > 0 ? 1 : 0);

function skip(test: WorldTest, reason: string): void {
  skipped.set(reason, [...(skipped.get(reason) ?? []), test]);
}

async function perform(test: WorldTest): Promise<void> {
  if (isQuick && performance.now() - beganMs > quickSeconds * 1000) {
    return skip(test, `no time for it within ${quickSeconds} s: bun tests/world/run.ts`);
  }
  const scope = new Scope();
  const startedMs = performance.now();
  const timeout = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    timeout.reject(new Error(`The test took longer than ${timeoutMs / 1000} s`));
  }, timeoutMs);
  let why: string | undefined;
  try {
    const body = test.body(scope);
    // after a timeout the body fails once its processes have exited, and nobody awaits it any more
    body.catch(() => {});
    await Promise.race([body, timeout.promise]);
  } catch (error) {
    why = error instanceof Error ? trimmed(error) : String(error);
  } finally {
    clearTimeout(timer);
    await scope[Symbol.asyncDispose]();
  }
  const left = scope.failures.map((failure) => `Could not be undone: ${failure}`).join("\n");
  if (left !== "") why = why === undefined ? left : `${why}\n${left}`;
  if (why === undefined) passed.push(test);
  else failures.push({ test, why });
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  console.log(`${why === undefined ? "pass" : "FAIL"}  ${test.name} (${seconds} s)`);
}

/** The message, and the stack lines that are in a test's file. */
function trimmed(error: Error): string {
  const places = (error.stack ?? "").split("\n").filter((line) => line.includes("/world/faults/"));
  const message =
    error.message.length > 4_000 ? `${error.message.slice(0, 4_000)} …` : error.message;
  return [message, ...places.slice(0, 2)].join("\n");
}

/** The leftovers of a killed run. */
function removeLeftovers(): void {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return;
  if (existsSync("/run/netns")) {
    for (const name of readdirSync("/run/netns").filter(isStale)) run("ip", "netns", "del", name);
  }
  for (const name of readdirSync(tmpdir()).filter(isStale)) {
    const path = join(tmpdir(), name);
    for (const inner of readdirSync(path)) succeeds("umount", "--lazy", join(path, inner));
    succeeds("rm", "-rf", "--one-file-system", path);
  }
  for (const name of existsSync("/etc/netns") ? readdirSync("/etc/netns").filter(isStale) : []) {
    succeeds("rm", "-rf", join("/etc/netns", name));
  }
  try {
    rmdirSync("/etc/netns");
  } catch {
    // another run's, or never there
  }
}

/** Whether a name belongs to a run whose process has exited. */
function isStale(name: string): boolean {
  const pid = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1];
  return pid !== undefined && !existsSync(`/proc/${pid}`);
}
