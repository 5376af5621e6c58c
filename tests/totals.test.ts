// The summary of a run, read from the real output of `bun test`.

import { expect, test } from "bun:test";
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { testFolder } from "./test-folder.ts";
import { addTotals, failedTests, parseSummary, parseTotals, skipReasons } from "./totals.ts";

const program = `
  import { expect, test } from "bun:test";
  import { skipUnless } from ${JSON.stringify(join(import.meta.dir, "skip.ts"))};
  const withTool = skipUnless(false, "no such tool");
  for (let i = 0; i < 30; i++) test("fine " + i, () => {});
  test("wrong", () => expect(1).toBe(2));
  withTool("needs it", () => {});
  withTool("needs it too", () => {});
  skipUnless(false, "not root")("writes everywhere", () => {});`;

const other = `
  import { test } from "bun:test";
  import { skipUnless } from ${JSON.stringify(join(import.meta.dir, "skip.ts"))};
  test("good", () => {});
  skipUnless(false, "not root")("reads everything", () => {});`;

test.each([[[]], [["--parallel=2", "--parallel-delay=0", "--no-isolate"]]])(
  "failures are shown, passes are not, and skipped tests are counted by reason: bun test %j",
  async (flags) => {
    const folder = testFolder("totals");
    writeFileSync(join(folder, "some.test.ts"), program);
    writeFileSync(join(folder, "other.test.ts"), other);
    const root = join(import.meta.dir, "..");
    // The files that bunfig.toml loads before every test, relative to the folder that the tests run
    // in, and the packages that they import.
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    mkdirSync(join(folder, "tests"));
    for (const name of ["preload.ts", "own-folders.ts"])
      copyFileSync(join(import.meta.dir, name), join(folder, "tests", name));
    const config = `--config=${join(root, "bunfig.toml")}`;
    const child = Bun.spawn([process.execPath, "test", config, ...flags], {
      cwd: folder,
      stdout: "pipe",
      stderr: "pipe",
    });
    const output = await new Response(child.stderr).text();
    expect(await child.exited).toBe(1);
    expect(failedTests(output)).toEqual([expect.stringContaining("(fail) wrong")]);
    expect(output).not.toContain("fine 7");
    expect(parseTotals(output)).toEqual({ passed: 31, failed: 1, skipped: 4 });
    expect([...skipReasons(output)].sort()).toEqual([
      ["no such tool", 2],
      ["not root", 2],
    ]);
  },
);

test("the test bed's last line is added to the totals", () => {
  const bed = parseSummary(
    "pass  one (0.1 s)\n2 skipped: no root\n1 passed, 0 failed, 2 skipped\n",
  );
  expect(bed).toEqual({ passed: 1, failed: 0, skipped: 2 });
  const sum = addTotals(bed, { passed: 30, failed: 1, skipped: 3 });
  expect(sum).toEqual({ passed: 31, failed: 1, skipped: 5 });
});
