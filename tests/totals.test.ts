// The summary of a run, read from the real output of `bun test`.

import { expect, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addTotals, parseSummary, parseTotals, skipReasons } from "./totals.ts";

const program = `
  import { expect, test } from "bun:test";
  import { skipUnless } from ${JSON.stringify(join(import.meta.dir, "skip.ts"))};
  const withTool = skipUnless(false, "no such tool");
  for (let i = 0; i < 30; i++) test("fine " + i, () => {});
  test("wrong", () => expect(1).toBe(2));
  withTool("needs it", () => {});
  withTool("needs it too", () => {});
  skipUnless(false, "not root")("writes everywhere", () => {});`;

test("failures are shown, passes are not, and skipped tests are counted by reason", async () => {
  const folder = mkdtempSync(join(tmpdir(), "parley-totals-"));
  writeFileSync(join(folder, "some.test.ts"), program);
  const root = join(import.meta.dir, "..");
  // The file that bunfig.toml loads before every test, relative to the folder that the tests run
  // in.
  mkdirSync(join(folder, "tests"));
  copyFileSync(join(import.meta.dir, "own-folders.ts"), join(folder, "tests", "own-folders.ts"));
  const config = `--config=${join(root, "bunfig.toml")}`;
  const words = [process.execPath, "test", config, join(folder, "some.test.ts")];
  const child = Bun.spawn(words, { cwd: folder, stdout: "pipe", stderr: "pipe" });
  const output = await new Response(child.stderr).text();
  await child.exited;
  rmSync(folder, { recursive: true });
  expect(output).toContain("(fail) wrong");
  expect(output).not.toContain("fine 7");
  expect(parseTotals(output)).toEqual({ passed: 30, failed: 1, skipped: 3 });
  expect([...skipReasons(output)]).toEqual([
    ["no such tool", 2],
    ["not root", 1],
  ]);
});

test("the test bed's last line is added to the totals", () => {
  const bed = parseSummary(
    "pass  one (0.1 s)\n2 skipped: no root\n1 passed, 0 failed, 2 skipped\n",
  );
  expect(bed).toEqual({ passed: 1, failed: 0, skipped: 2 });
  const sum = addTotals(bed, { passed: 30, failed: 1, skipped: 3 });
  expect(sum).toEqual({ passed: 31, failed: 1, skipped: 5 });
});
