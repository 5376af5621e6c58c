// The effect of a transfer on its neighbours: chat on the same event loop, other fetches from the
// same server, other downloads on the same link.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { type Course, curlBbr, parley, type Peer } from "./peers.ts";
import { Handover } from "./person.ts";
import { cpuSecondsOf, hashOf, startServer } from "./race.ts";
import type { WideArea } from "./wide-area.ts";

const messagesPerSecond = 100;

/**
 * Latency of a chat with 100 messages per second, without and with a fetch at full speed on the
 * same server.
 */
export async function chatRow(course: Course, seconds: number): Promise<void> {
  await using _ = await startServer(parley, course);
  const { port } = parley.server(course);
  const alone = await chat(course.address, port, seconds);
  const state = { done: false };
  const fetching = (async () => {
    let fetches = 0;
    for (; !state.done; fetches++) {
      const child = Bun.spawn(
        parley.client({ ...course }, join(course.target, `chat-${fetches}`)),
        {
          stdout: "ignore",
          stderr: "ignore",
        },
      );
      await child.exited;
      await Bun.file(join(course.target, `chat-${fetches}`)).delete();
    }
    return fetches;
  })();
  const beside = await chat(course.address, port, seconds);
  state.done = true;
  const fetches = await fetching;
  console.log("\nchat of 100 messages a second on the same server (ms, from saying to hearing):");
  console.log(`  alone                        ${words(alone)}`);
  console.log(
    `  beside ${String(fetches).padStart(2)} fetches of 1 GiB      ${words(beside)}   (wanted: p99 < 10)`,
  );
}

/**
 * Latency of the same chat while the server relays that many datagrams per second, and the cost of
 * each: without that of the chat, which is measured while the same load goes past the server.
 */
export async function relayRow(
  course: Course,
  seconds: number,
  rates: readonly number[],
): Promise<void> {
  await using server = await Handover.open(course, "relayed");
  const { port } = server;
  console.log("\nchat of 100 messages a second on a server that relays (ms; wanted: p99 < 10):");
  console.log(`  alone                        ${words(await chat(course.address, port, seconds))}`);
  let chatSeconds = 0;
  for (const [rate, past] of rates.flatMap((rate) => [
    [rate, ["past"]] as const,
    [rate, []] as const,
  ])) {
    const script = join(import.meta.dir, "relay-load.ts");
    const load = [course.address, String(port), String(rate), String(seconds), ...past];
    const before = { cpu: cpuSecondsOf(server.pid), relayed: await server.relayed() };
    const child = Bun.spawn([process.execPath, script, ...load], {
      stdout: "pipe",
      stderr: "ignore",
    });
    const beside = await chat(course.address, port, seconds);
    const { sent, received } = (await new Response(child.stdout).json()) as Loaded;
    const relayed = (await server.relayed()) - before.relayed;
    const cpuSeconds = cpuSecondsOf(server.pid) - before.cpu;
    const us = ((cpuSeconds - chatSeconds) * 1e6) / relayed;
    if (past.length > 0) {
      chatSeconds = cpuSeconds;
      console.log(`  ${String(rate).padStart(6)} a second past it      ${words(beside)}`);
      continue;
    }
    const share = `${sent} sent, ${relayed} relayed for ${us.toFixed(1)} µs each, ${received} taken`;
    console.log(`  ${String(rate).padStart(6)} datagrams a second  ${words(beside)}   (${share})`);
  }
}

type Loaded = { sent: number; received: number };

/** Many concurrent fetches from one server on loopback: whole-process times. */
export async function crowdRow(course: Course, count: number): Promise<void> {
  await using _ = await startServer(parley, course);
  const wanted = await hashOf(join(course.source, course.file));
  const startedMs = performance.now();
  const times = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const out = join(course.target, `crowd-${i}`);
      const child = Bun.spawn(parley.client(course, out), { stdout: "ignore", stderr: "pipe" });
      const code = await child.exited;
      const elapsed = (performance.now() - startedMs) / 1000;
      if (code !== 0) throw new Error(await new Response(child.stderr).text());
      if ((await hashOf(out)) !== wanted)
        throw new Error("a fetch of the crowd saved something else");
      await Bun.file(out).delete();
      return elapsed;
    }),
  );
  const fastest = Math.min(...times);
  const slowest = Math.max(...times);
  console.log(
    `\n${count} fetches at once on loopback: all whole, fastest ${fastest.toFixed(2)} s, slowest ${slowest.toFixed(2)} s, ` +
      `ratio ${(slowest / fastest).toFixed(2)} (wanted ≤ 3)`,
  );
}

/** Two downloads on one link for a while: the share of the first. */
export async function neighbourRow(
  course: Course,
  area: WideArea,
  second: "curl" | "parley",
  seconds: number,
): Promise<void> {
  area.useTcp("bbr");
  const both: readonly Peer[] = second === "curl" ? [parley, curlBbr] : [parley, parley];
  const servers = await Promise.all([...new Set(both)].map((peer) => startServer(peer, course)));
  const outs = both.map((_, i) => join(course.target, `neighbour-${second}-${i}`));
  const children = both.map((peer, i) =>
    Bun.spawn([...course.atClient, ...peer.client(course, outs[i] ?? "")], {
      stdout: "ignore",
      stderr: "ignore",
    }),
  );
  const sizes = () => outs.map((out) => Bun.file(out).size || Bun.file(`${out}.part`).size);
  // The first seconds measure the start of both, not their sharing.
  await Bun.sleep(2_000);
  const before = sizes();
  await Bun.sleep(seconds * 1000);
  const got = sizes().map((size, i) => size - (before[i] ?? 0));
  for (const child of children) child.kill("SIGKILL");
  for (const child of children) await child.exited;
  for (const server of servers) await server[Symbol.asyncDispose]();
  for (const out of outs.flatMap((path) => [path, `${path}.part`, `${path}.part.journal`])) {
    rmSync(out, { force: true });
  }
  const all = got.reduce((sum, bytes) => sum + bytes, 0);
  const shares = got.map((bytes) => `${((100 * bytes) / all).toFixed(0)} %`);
  console.log(
    `  parley beside ${second.padEnd(6)} ${shares.join(" to ")} of ${(all / seconds / 1e6).toFixed(1)} MB/s (wanted 30 % to 70 %)`,
  );
}

async function chat(host: string, port: number, seconds: number): Promise<number[]> {
  const latencies: number[] = [];
  let rest = "";
  const ready = Promise.withResolvers<void>();
  const socket = await Bun.connect({
    hostname: host,
    port,
    socket: {
      open(connection) {
        connection.setNoDelay(true);
        connection.write('{"type":"hello","version":2,"name":"bench"}\n');
      },
      data(_, bytes) {
        const lines = (rest + bytes.toString()).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          const { type, text } = JSON.parse(line) as { type: string; text?: string };
          if (type === "welcome") ready.resolve();
          if (type === "message") latencies.push(performance.now() - Number(text));
        }
      },
    },
  });
  await ready.promise;
  const startedMs = performance.now();
  for (let i = 0; i < messagesPerSecond * seconds; i++) {
    const dueMs = startedMs + (i * 1000) / messagesPerSecond;
    await Bun.sleep(Math.max(0, dueMs - performance.now()));
    socket.write(`${JSON.stringify({ type: "say", n: i + 1, text: String(performance.now()) })}\n`);
  }
  while (latencies.length < messagesPerSecond * seconds) await Bun.sleep(10);
  socket.end();
  return latencies.toSorted((a, b) => a - b);
}

function words(sorted: readonly number[]): string {
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)]?.toFixed(2);
  return `p50 ${at(0.5)}  p99 ${at(0.99)}  most ${at(1)}`;
}
