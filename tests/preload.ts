// Loaded before every test (bunfig.toml).

import { statSync } from "node:fs";
import { join } from "node:path";
import { plugin } from "bun";
import { afterAll, afterEach, mock } from "bun:test";
import { configureGlobal } from "fast-check";
import { removeOwnFolders } from "./own-folders.ts";

configureGlobal({
  // fast-check 4 makes no list longer than 10, whatever its `maxLength`, unless told to.
  defaultSizeToMaxWhenMaxSpecified: true,
  // A slow machine tries fewer cases, and a failure is told before the test runs into its limit, if
  // not with the smallest case.
  interruptAfterTimeLimit: 100_000,
});

/** For one test or hook, on however slow and busy a machine. */
const timeoutMs = 180_000;

// The default is forgotten after each file, so each of them begins by setting it, on its first line
// as it is.
plugin({
  name: "timeout",
  setup(build) {
    build.onLoad({ filter: /\.test\.ts$/ }, async ({ path }) => {
      const setting = `import { setDefaultTimeout as $set } from "bun:test"; $set(${timeoutMs}); `;
      return { contents: setting + (await Bun.file(path).text()), loader: "ts" };
    });
  },
});

// The executable with bytecode starts in half the processor time. Unlike tests, benchmarks run what
// people get.
const forTests = join(import.meta.dir, "../dist/bytecode/parley");
if (builtMs(forTests) > builtMs(join(import.meta.dir, "../dist/parley"))) {
  process.env["PARLEY_BIN"] ??= forTests;
}

function builtMs(executable: string): number {
  return statSync(executable, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

// A test that fails does not reach the line that restores what it replaced, and files that share a
// process share that: one failure made tests of other files fail.
afterEach(() => mock.restore());

// After every file where several processes run them (the next file begins with empty folders), else
// after the last one. The end of a process that runs tests is not announced to it. A busy machine
// takes more than the 5 s of a hook to remove the ten thousand files of a test.
afterAll(removeOwnFolders, timeoutMs);
