// Output that is no terminal: pipes and files, written without Node's streams.

import { expect, test } from "bun:test";
import { closeSync, openSync, readFileSync } from "node:fs";
import { devNull } from "node:os";
import { join } from "node:path";
import { systemCode } from "../../../src/errors.ts";
import { isTerminal } from "../../../src/terminal/output/is-terminal.ts";
import { PipeOutput } from "../../../src/terminal/output/pipe-output.ts";
import { skipUnless } from "../../skip.ts";
import { testFolder } from "../../test-folder.ts";

const testOnLinux = skipUnless(process.platform === "linux", "needs /dev/full");

function write(output: PipeOutput, text: string): Promise<string> {
  return new Promise((resolve) =>
    output.write(new TextEncoder().encode(text), (error) => resolve(systemCode(error))),
  );
}

test("a file gets what is written, in order", async () => {
  const path = join(testFolder("pipe-output"), "log");
  const fd = openSync(path, "w");
  const output = new PipeOutput(fd);
  const long = "x".repeat(300_000);
  expect(await write(output, "first\n")).toBe("");
  expect(await write(output, long)).toBe("");
  closeSync(fd);
  expect(readFileSync(path, "utf8")).toBe(`first\n${long}`);
});

testOnLinux("a full disk is reported", async () => {
  const fd = openSync("/dev/full", "w");
  expect(await write(new PipeOutput(fd), "lost")).toBe("ENOSPC");
  closeSync(fd);
});

// Whoever reads too slowly gets everything, and whoever stops reading ends it.
test("a pipe takes what its reader has room for, and tells that he has gone", async () => {
  const source = `
    import { PipeOutput } from ${JSON.stringify(join(import.meta.dir, "../../../src/terminal/output/pipe-output.ts"))};
    const output = new PipeOutput(1);
    let written = 0;
    const next = () => output.write(new Uint8Array(200_000), (error) => {
      if (error) return console.error(error.code, written > 400_000);
      written += 200_000;
      setImmediate(next);
    });
    next();`;
  const child = Bun.spawn([process.execPath, "-e", source], { stdout: "pipe", stderr: "pipe" });
  const reader = child.stdout.getReader();
  for (let read = 0; read < 1_000_000;) read += (await reader.read()).value?.length ?? 0;
  await reader.cancel();
  expect(await new Response(child.stderr).text()).toBe("EPIPE true\n");
});

test("files and /dev/null are no terminals, nor is what is closed", () => {
  for (const path of [import.meta.path, devNull]) {
    const fd = openSync(path, "r");
    expect(isTerminal(fd)).toBe(false);
    closeSync(fd);
  }
  expect(isTerminal(9_999)).toBe(false);
});

testOnLinux("a terminal is one", () => {
  const fd = openSync("/dev/ptmx", "r+");
  expect(isTerminal(fd)).toBe(true);
  closeSync(fd);
});
