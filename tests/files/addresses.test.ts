// Machines with several addresses, and with changing ones, between network namespaces: the compiled
// program as a user runs it. Needs root and iproute2.

import { afterAll, beforeAll, expect, setDefaultTimeout } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parleyCommand } from "../parley.ts";
import { skipUnless } from "../skip.ts";
import { testFolder } from "../test-folder.ts";
import { noteTime } from "../times.ts";

setDefaultTimeout(180_000);

const serverSide = `parley-s${process.pid}`;
const clientSide = `parley-c${process.pid}`;
const [first, second, home, moved] = ["10.93.0.1", "10.93.0.2", "10.93.0.9", "10.93.0.77"];
const size = 24_000_000;
let base = "";
let server: Bun.Subprocess<"ignore", "pipe", "ignore"> | undefined;
let port = 0;

function ip(...words: string[]): boolean {
  return Bun.spawnSync(["ip", ...words], { stderr: "ignore", stdout: "ignore" }).success;
}

function makeNetwork(): boolean {
  if (Bun.which("ip") === null || !ip("netns", "add", serverSide)) return false;
  return (
    ip("netns", "add", clientSide) &&
    ip(
      "link",
      "add",
      "v0",
      "netns",
      serverSide,
      "type",
      "veth",
      "peer",
      "name",
      "v1",
      "netns",
      clientSide,
    ) &&
    [first, second].every((address) =>
      ip("-n", serverSide, "addr", "add", `${address}/24`, "dev", "v0"),
    ) &&
    ip("-n", clientSide, "addr", "add", `${home}/24`, "dev", "v1") &&
    ip("-n", serverSide, "link", "set", "v0", "up") &&
    ip("-n", clientSide, "link", "set", "v1", "up")
  );
}

const hasNetwork = makeNetwork();
const testBetween = skipUnless(hasNetwork, "network namespaces: root and iproute2 are needed");

beforeAll(async () => {
  if (!hasNetwork) return;
  base = testFolder("addresses");
  mkdirSync(join(base, "FILES"));
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  writeFileSync(join(base, "FILES", "file"), bytes);
  const flags = ["--no-web", "--host", "0.0.0.0", "--port", "0", "--files", join(base, "FILES")];
  const command = ["ip", "netns", "exec", serverSide, ...parleyCommand(), "server", ...flags];
  server = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
  const { value } = await server.stdout.getReader().read();
  port = Number(/:(\d+)\n/.exec(Buffer.from(value ?? []).toString())?.[1]);
});

afterAll(async () => {
  server?.kill();
  await server?.exited;
  ip("netns", "del", serverSide);
  ip("netns", "del", clientSide);
});

async function fetchFrom(
  host: string,
  limit: string,
  onEvent: (event: Record<string, unknown>) => void,
) {
  const words = [
    "fetch-file",
    `${host}:${port}`,
    "file",
    "-o",
    join(base, host),
    "--json",
    "--limit-rate",
    limit,
  ];
  const child = Bun.spawn(["ip", "netns", "exec", clientSide, ...parleyCommand(), ...words], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let rest = "";
  for await (const piece of child.stdout) {
    const lines = (rest + Buffer.from(piece).toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onEvent(JSON.parse(line) as Record<string, unknown>);
  }
  return await child.exited;
}

function isWhole(host: string): boolean {
  return readFileSync(join(base, host)).equals(readFileSync(join(base, "FILES", "file")));
}

testBetween("a file comes from the second address of a server, too", async () => {
  const retries: unknown[] = [];
  const code = await fetchFrom(second, "100M", (event) => {
    if (event["event"] === "retry") retries.push(event["reason"]);
  });
  expect([code, retries, isWhole(second)]).toEqual([0, [], true]);
});

testBetween("a fetch goes on after its machine's address has changed", async () => {
  let changedAtMs = 0;
  let lastMs = 0;
  let mostMs = 0;
  const code = await fetchFrom(first, "4M", ({ event, receivedBytes }) => {
    if (event !== "progress" || Number(receivedBytes) < size / 8) return;
    const nowMs = performance.now();
    if (changedAtMs === 0) {
      changedAtMs = nowMs;
      ip("-n", clientSide, "addr", "del", `${home}/24`, "dev", "v1");
      ip("-n", clientSide, "addr", "add", `${moved}/24`, "dev", "v1");
    } else mostMs = Math.max(mostMs, nowMs - lastMs);
    lastMs = nowMs;
  });
  expect([code, isWhole(first)]).toEqual([0, true]);
  expect(changedAtMs).toBeGreaterThan(0);
  noteTime("silence after a change of address", mostMs, 5_000);
});
