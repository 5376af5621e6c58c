// docs/parley.service, checked by systemd itself.

import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { serverFlags } from "../../src/cli/server-flags.ts";
import { descriptors } from "../../src/limits.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";

const analyze = Bun.which("systemd-analyze");
const withSystemd = skipUnless(analyze !== null, "systemd-analyze(1) is missing: install systemd");
const folder = testFolder("unit");

const unit = readFileSync(join(import.meta.dir, "../../docs/parley.service"), "utf8");
const executable = "/usr/local/bin/parley";
const path = join(folder, "parley.service");
// `verify` requires the executable, which is not installed on this machine.
writeFileSync(path, unit.replace(executable, process.execPath));

function run(...words: readonly string[]) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([analyze!, ...words, path]);
  return { exitCode, text: stdout.toString() + stderr.toString() };
}

withSystemd("systemd finds nothing wrong with the unit", () => {
  expect(run("verify")).toEqual({ exitCode: 0, text: "" });
});

withSystemd("and rates its exposure 1.5 of 10 at most", () => {
  const { exitCode, text } = run("security", "--offline=true", "--threshold=15");
  expect(text).toMatch(/Overall exposure level for parley\.service: \d\.\d/);
  expect(exitCode).toBe(0);
});

/** What the unit takes away from parley; the rating alone would not notice if some of it went. */
const takenAway = [
  "AmbientCapabilities CapabilityBoundingSet LockPersonality NoNewPrivileges PrivateDevices",
  "PrivateTmp PrivateUsers ProcSubset ProtectClock ProtectControlGroups ProtectHome",
  "ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables ProtectProc",
  "ProtectSystem RemoveIPC RestrictNamespaces RestrictRealtime RestrictSUIDSGID",
  "SystemCallArchitectures SystemCallFilter UMask User/DynamicUser",
].flatMap((line) => line.split(" "));

function directiveOf(name: string): string {
  return name.replaceAll("=", "").replace(/~.*/, "");
}

withSystemd("each part of the sandbox is there", () => {
  const { text } = run("security", "--offline=true", "--json=short");
  const rows: { name: string; set: boolean | null }[] = JSON.parse(/^\[.*\]/m.exec(text)![0]);
  for (const directive of takenAway) {
    const judged = rows.filter(({ name }) => directiveOf(name) === directive);
    expect({ directive, rows: judged.length > 0 }).toEqual({ directive, rows: true });
    expect(judged.filter(({ set }) => set !== true)).toEqual([]);
  }
  const families = rows.filter(({ name }) => directiveOf(name) === "RestrictAddressFamilies");
  expect(families.filter(({ set }) => set === true).map(({ name }) => name)).toEqual([
    "RestrictAddressFamilies=~AF_PACKET",
    "RestrictAddressFamilies=~…",
  ]);
});

test("what systemd does not rate is there as well", () => {
  const lines = unit.split("\n");
  for (const line of [
    "StateDirectory=parley",
    "StateDirectoryMode=0700",
    "DevicePolicy=closed",
    "SystemCallErrorNumber=EPERM",
  ]) {
    expect(lines).toContain(line);
  }
  const number = (name: string) => Number(new RegExp(`^${name}=(\\d+)$`, "m").exec(unit)?.[1]);
  expect(number("LimitNOFILE")).toBeGreaterThan(descriptors.max);
});

test("its flags and variables are those of `parley server`", () => {
  const line = /^ExecStart=(.*)$/m.exec(unit)?.[1]?.split(" ") ?? [];
  expect(line.slice(0, 2)).toEqual([executable, "server"]);
  const flags = line.filter((word) => word.startsWith("--"));
  const variables = unit.match(/PARLEY_SERVER_\w+/g) ?? [];
  const named = variables.map((name) => name.replace("PARLEY_SERVER_", "--").replaceAll("_", "-"));
  const known = Object.keys(serverFlags).map((name) => `--${name}`);
  expect(flags.length).toBeGreaterThan(0);
  for (const flag of [...flags, ...named]) expect(known).toContain(flag.toLowerCase());
});
