// Start time compared with Node and Bun, an idle server's memory, and the size of the executable.
//
//   bun tests/bench/start.ts [--runs 20]

import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import { FaultyServer } from "../fault/server.ts";
import { parleyBinary } from "../parley.ts";
import { percentile, residentKiB } from "./chat/process.ts";

const { values } = parseArgs({ options: { runs: { type: "string", default: "20" } } });
const runs = Number(values.runs);
const binary = parleyBinary();

const commands: [name: string, words: string[]][] = [
  ["parley --help", [binary, "--help"]],
  ["parley --version", [binary, "--version"]],
  ["bun -e 0", [process.execPath, "-e", "0"]],
];
const node = Bun.which("node");
if (node === null) console.error("skipped: node is not installed");
else commands.push(["node -e 0", [node, "-e", "0"]]);

const times = new Map<string, { wallMs: number[]; cpuMs: number[] }>();
for (let run = 0; run < runs; run++) {
  for (const [name, words] of commands) {
    const startMs = performance.now();
    const { resourceUsage } = Bun.spawnSync(words, { stdout: "ignore", stderr: "ignore" });
    const wallMs = performance.now() - startMs;
    const list = times.get(name) ?? { wallMs: [], cpuMs: [] };
    list.wallMs.push(wallMs);
    list.cpuMs.push(Number(resourceUsage.cpuTime.total) / 1000);
    times.set(name, list);
  }
}
console.log(
  `${"".padEnd(20)} ${"wall ms".padStart(9)} ${"CPU ms".padStart(9)}   (medians of ${runs})`,
);
for (const [name, { wallMs, cpuMs }] of times) {
  const [wall, cpu] = [percentile(wallMs, 0.5), percentile(cpuMs, 0.5)];
  console.log(`${name.padEnd(20)} ${wall.toFixed(1).padStart(9)} ${cpu.toFixed(1).padStart(9)}`);
}

const folder = mkdtempSync(`${tmpdir()}/parley-start-`);
await using server = new FaultyServer(folder, []);
const startMs = performance.now();
await server.start();
console.log(`\nserver listening after ${(performance.now() - startMs).toFixed(0)} ms`);
await Bun.sleep(2_000);
console.log(`idle server            ${(residentKiB(server.pid) / 1024).toFixed(1)} MiB resident`);
const megabytes = (path: string) => `${(statSync(path).size / 1e6).toFixed(1)} MB`;
console.log(
  `executable             ${megabytes(binary)}; Bun's own has ${megabytes(process.execPath)}`,
);
await server.stop();
rmSync(folder, { recursive: true, force: true });
