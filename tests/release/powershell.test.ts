// The two PowerShell scripts parse, if PowerShell is installed.

import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../cli/run.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";

const pwsh = Bun.which("pwsh") ?? Bun.which("powershell");
const folder = testFolder("powershell");

const check = skipUnless(pwsh !== null, "PowerShell is not installed");

/** The parser's errors about a file. */
function problems(path: string): string {
  const script =
    `$errors = $null; [void][System.Management.Automation.Language.Parser]::ParseFile('${path}', ` +
    "[ref]$null, [ref]$errors); $errors | ForEach-Object { $_.ToString() }";
  return Bun.spawnSync([pwsh!, "-NoProfile", "-Command", script]).stdout.toString().trim();
}

check("install.ps1 parses", () => {
  expect(problems(join(import.meta.dir, "../../src/release/install.ps1"))).toBe("");
});

check("completions for PowerShell parse, and complete", async () => {
  const script = join(folder, "parley.ps1");
  writeFileSync(script, (await run(["completions", "powershell"])).out);
  expect(problems(script)).toBe("");
  const ask = (line: string) => {
    const command = `. '${script}'; (TabExpansion2 '${line}' ${line.length}).CompletionMatches.CompletionText`;
    const { stdout } = Bun.spawnSync([pwsh!, "-NoProfile", "-Command", command]);
    return stdout.toString().trim().split(/\r?\n/);
  };
  expect(ask("parley cli")).toEqual(["client"]);
  expect(ask("parley server --web-p")).toEqual(["--web-port"]);
  expect(ask("parley server --sync f")).toEqual(["full"]);
  expect(ask("parley classic calc")).toEqual(["calculator"]);
});
