// 2 000 users join within a second: the server keeps answering, its memory stays bounded, lists are
// coalesced.

import { expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { skipUnless } from "../skip.ts";
import { type RawClient, DialectServer } from "./sockets.ts";

const crowd = 2_000;
const limitMs = 100;
/** For 2 000 connections and their unread data. */
const maxGrowthMiB = 400;
/** The server's processor time while the crowd joins: 4 million deliveries. */
const maxCpuMs = 3_000;
const MiB = 1024 * 1024;

/** A process's resident memory. */
function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1]) * 1024;
}

/** A process's processor time so far; Linux counts it in hundredths of a second. */
function usedMs(pid: number): number {
  const [, fields = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  const [user, system] = fields.split(" ").slice(11, 13).map(Number);
  return ((user ?? 0) + (system ?? 0)) * 10;
}

/**
 * Requests the list until `count` users have joined (or left); returns the slowest answer and the
 * peak memory.
 */
async function watch(server: DialectServer, probe: RawClient, word: string, count: number) {
  const tookMs: number[] = [];
  let bytes = 0;
  const startMs = performance.now();
  for (let seen = 0; seen < count;) {
    const answer = await show(probe, `mark${tookMs.length}`);
    seen += answer.text.split(word).length - 1;
    tookMs.push(answer.tookMs);
    bytes = Math.max(bytes, residentBytes(server.parley.pid));
    expect(performance.now() - startMs).toBeLessThan(20_000);
    await Bun.sleep(10);
  }
  return { bytes, worstMs: Math.max(...tookMs) };
}

/**
 * Requests the list; returns how long the answer takes, and the data received up to it. A message
 * of the probe to itself marks the answer, since lists also arrive unasked.
 */
async function show(probe: RawClient, mark: string): Promise<{ tookMs: number; text: string }> {
  const startMs = performance.now();
  probe.send(`show\n~probe ${mark}\n`);
  const answer = `from you to probe: (PRIVATE)  ${mark}\n`;
  await probe.until(() => probe.all.includes(answer), mark);
  const tookMs = performance.now() - startMs;
  const text = probe.all;
  probe.all = "";
  expect(text).toContain("ALL ");
  return { tookMs, text };
}

type Storm = {
  joinedMs: number;
  showMs: number;
  leavingShowMs: number;
  growthMiB: number;
  cpuMs: number;
};

/** Many clients join and leave. */
async function storm(framing: string): Promise<Storm> {
  await using server = await DialectServer.start();
  const probe = await server.connect("open-chat");
  probe.send("probe\n");
  await probe.until(() => probe.all.includes("ALL "), "its list");
  const script = join(import.meta.dir, "storm-clients.ts");
  const people = Bun.spawn(
    [process.execPath, script, String(server.port("open-chat")), String(crowd), framing],
    { stdin: "pipe", stdout: "pipe", stderr: "inherit" },
  );
  const lines = people.stdout.pipeThrough(new TextDecoderStream()).getReader();
  expect((await lines.read()).value).toBe("connected\n");
  const before = residentBytes(server.parley.pid);
  const usedBeforeMs = usedMs(server.parley.pid);
  people.stdin.write("go\n");
  await people.stdin.flush();
  const coming = await watch(server, probe, " has joined the chat!", crowd);
  const cpuMs = usedMs(server.parley.pid) - usedBeforeMs;
  const [, joinedMs] = /named (\d+)/.exec((await lines.read()).value ?? "") ?? [];
  expect((await show(probe, "all here")).text.split(" ").length).toBeGreaterThan(crowd);
  people.kill();
  const going = await watch(server, probe, " left the chat...", crowd);
  await people.exited;
  return {
    joinedMs: Number(joinedMs),
    showMs: coming.worstMs,
    leavingShowMs: going.worstMs,
    cpuMs,
    growthMiB: (Math.max(coming.bytes, going.bytes) - before) / MiB,
  };
}

for (const framing of ["framed", "unframed"]) {
  skipUnless(existsSync("/proc/self/status"), "memory is read from /proc")(
    `${crowd} ${framing} people join within a second: show within ${limitMs} ms, memory bounded`,
    async () => {
      // Other programs can delay an answer, but not three times in a row unless all cores are busy.
      let busy = loadavg()[0] ?? 0;
      for (let attempt = 1; ; attempt++) {
        const result = await storm(framing);
        busy = Math.max(busy, loadavg()[0] ?? 0);
        const rounded = Object.entries(result).map(
          ([name, value]) => `${name} ${Math.round(value)}`,
        );
        console.error(`${framing}: ${rounded.join(", ")}`);
        expect(result.growthMiB).toBeLessThan(maxGrowthMiB);
        expect(result.cpuMs).toBeLessThan(maxCpuMs);
        const worstMs = Math.max(result.showMs, result.leavingShowMs);
        if (attempt < 3 && worstMs > limitMs) continue;
        if (busy > availableParallelism()) {
          console.error(`not judged: ${worstMs.toFixed(0)} ms at a load of ${busy.toFixed(1)}`);
        } else {
          expect(worstMs).toBeLessThan(limitMs);
        }
        return;
      }
    },
    60_000,
  );
}
