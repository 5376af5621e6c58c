// Measures the chat hub against message brokers and an IRC server, all in one run: one table,
// medians of interleaved rounds.
//   bun tests/bench/chat.ts [--only fanout,latency,stalled,idle,storm,arrivals] [--rounds 3] [--servers parley,nats] [--members 10,100,1000] [--tls]
// --tls measures those that speak TLS, each with it; all of them with TLS 1.3. Server CPU is what
// counts on a busy machine; times on the clock are told for what they are worth. A fan-out is
// measured twice: from a server that has just started, and again after six seconds of work, since
// parley's code is compiled while it runs.

import { parseArgs } from "node:util";
import { type Contestant, present, start } from "./chat/contestants.ts";
import type { Arrivals, Fanout, Idle, Latency, Load, Stalled, Storm } from "./chat/load.ts";
import { percentile } from "./chat/process.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "fanout,latency,stalled,idle,storm,arrivals" },
    rounds: { type: "string", default: "3" },
    servers: { type: "string", default: "" },
    members: { type: "string", default: "10,100,1000" },
    tls: { type: "boolean", default: false },
  },
});
/** For one measurement. */
const timeoutMs = 90_000;
const wanted = new Set(values.only.split(","));
const rounds = Number(values.rounds);
const say = (line: string): void => console.error(line);
const all = present(say, values.tls).filter(({ name }) =>
  values.servers.split(",").some((word) => name.includes(word)),
);
const inMemory = all.filter(({ name }) => !name.includes("--data"));
const crowds = inMemory.filter(({ slowDoor }) => slowDoor !== true);
if (crowds.length < inMemory.length && (wanted.has("idle") || wanted.has("storm"))) {
  say("skipped: crowds at ngircd, which lets some 40 in a second");
}

/** The parameters of a load in addition to its server. */
type Plan = Load extends infer L
  ? L extends Load
    ? Omit<L, "wire" | "port" | "tls" | "pid" | "databasePid">
    : never
  : never;

async function measure<Result>(contestant: Contestant, plan: Plan): Promise<Result | undefined> {
  const server = await start(contestant);
  try {
    const { wire, tls } = contestant;
    const { port, pid, databasePid } = server;
    const load = { ...plan, wire, tls, port, pid, databasePid };
    const generator = `${import.meta.dir}/chat/load.ts`;
    const child = Bun.spawn([process.execPath, generator, JSON.stringify(load)], {
      stdout: "pipe",
      stderr: "pipe",
      timeout: timeoutMs,
    });
    const [out, err] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    if ((await child.exited) === 0) return JSON.parse(out) as Result;
    const why = child.signalCode === null ? (/error: (.*)/.exec(err)?.[1] ?? err) : "timed out";
    say(`${contestant.name}, ${plan.mode}: ${why}`);
    return undefined;
  } finally {
    await server.stop();
  }
}

/** A thousand members; half way through, one of them stops reading. */
const crowd: Plan = { mode: "stalled", members: 1_000, messagesPerSecond: 50, seconds: 6 };

/**
 * Rounds of all contestants in turn, so that a busy minute affects everyone; returns the medians of
 * each field.
 */
async function interleaved<Result extends Record<string, number>>(
  who: readonly Contestant[],
  plan: Plan,
  times = rounds,
): Promise<Map<string, Result>> {
  const results = new Map<string, Result[]>();
  for (let round = 0; round < times; round++) {
    for (const contestant of who) {
      const result = await measure<Result>(contestant, plan);
      if (result === undefined) continue;
      results.set(contestant.name, [...(results.get(contestant.name) ?? []), result]);
    }
  }
  return new Map([...results].map(([name, list]) => [name, medians(list)]));
}

function medians<Result extends Record<string, number>>(list: readonly Result[]): Result {
  const fields = Object.keys(list[0] ?? {});
  const entries = fields.map((field) => [
    field,
    percentile(
      list.map((result) => result[field] ?? Number.NaN),
      0.5,
    ),
  ]);
  return Object.fromEntries(entries) as Result;
}

const rows = new Map<string, Record<string, string>>(all.map(({ name }) => [name, {}]));
function put(name: string, column: string, value: string): void {
  rows.get(name)![column] = value;
}

function besideNats(us: number, natsUs: number | undefined): string {
  return us.toFixed(3) + (natsUs === undefined ? "" : ` (${(us / natsUs).toFixed(2)}×)`);
}

if (wanted.has("fanout")) {
  for (const members of values.members.split(",").map(Number)) {
    const messages = Math.min(200_000, Math.round(2_000_000 / members));
    say(`fan-out to ${members} members …`);
    const plan: Plan = { mode: "fanout", members, messages, window: 256 };
    const results = await interleaved<Fanout>(all, plan);
    const nats = results.get(values.tls ? "nats-server, TLS" : "nats-server");
    for (const [name, { newUs, cpuUs, databaseUs, deliveriesPerSecond }] of results) {
      put(name, `µs @${members}`, besideNats(cpuUs, nats?.cpuUs));
      put(name, `new µs @${members}`, besideNats(newUs, nats?.newUs));
      put(name, `M/s @${members}`, (deliveriesPerSecond / 1e6).toFixed(2));
      if (databaseUs > 0) put(name, `database µs a message @${members}`, databaseUs.toFixed(1));
    }
  }
}

if (wanted.has("latency")) {
  say("latency at 1 000 messages a second to 100 members …");
  const plan: Plan = {
    mode: "latency",
    members: 100,
    messagesPerSecond: 1_000,
    seconds: 5,
  };
  for (const [name, result] of await interleaved<Latency>(all, plan)) {
    const { p50Ms, p99Ms, p999Ms, cpuUs } = result;
    put(name, "p50/p99/p99.9 ms", [p50Ms, p99Ms, p999Ms].map((ms) => ms.toFixed(2)).join(" / "));
    put(name, "µs @100, 1 000/s", cpuUs.toFixed(3));
  }
}

if (wanted.has("stalled")) {
  say("one stalled reader among 1 000 …");
  const tellers = inMemory.filter(({ wire }) => wire === "plain" || wire === "native");
  for (const [name, { p99Ms, p99BeforeMs }] of await interleaved<Stalled>(tellers, crowd)) {
    const ratio = (p99Ms / p99BeforeMs).toFixed(2);
    put(
      name,
      "p99 ms, one stalled",
      `${p99Ms.toFixed(2)} (${ratio}× of ${p99BeforeMs.toFixed(2)})`,
    );
  }
}

if (wanted.has("idle")) {
  say("10 000 idle connections …");
  const plan: Plan = { mode: "idle", members: 10_000 };
  for (const [name, result] of await interleaved<Idle>(crowds, plan, 1)) {
    put(name, "KiB/idle", result.kibPerConnection.toFixed(1));
  }
}

if (wanted.has("storm")) {
  say("2 000 connections at once …");
  const plan: Plan = { mode: "storm", members: 2_000 };
  for (const [name, result] of await interleaved<Storm>(crowds, plan)) {
    put(name, "joins/s", result.connectionsPerSecond.toFixed(0));
    put(name, "µs/join", result.cpuUsPerConnection.toFixed(0));
  }
}

if (wanted.has("arrivals")) {
  const natives = inMemory.filter(({ wire }) => wire === "native");
  for (const perRoom of [100, 2_000]) {
    say(`2 000 people arriving within 5 s, ${perRoom} in a room, and somebody else's pings …`);
    const plan: Plan = { mode: "arrivals", members: 2_000, seconds: 5, perRoom };
    for (const [name, { p50Ms, p99Ms, maxMs }] of await interleaved<Arrivals>(natives, plan)) {
      const times = [p50Ms, p99Ms, maxMs].map((ms) => ms.toFixed(1)).join(" / ");
      put(name, `ping p50/p99/most ms, rooms of ${perRoom}`, times);
    }
  }
}

const columns = new Set([...rows.values()].flatMap((row) => Object.keys(row)));
const table = [["", ...columns]];
for (const [name, row] of rows) table.push([name, ...[...columns].map((c) => row[c] ?? "")]);
const widths = table[0]!.map((_, i) => Math.max(...table.map((row) => row[i]!.length)));
for (const row of table)
  console.log(
    row
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join("  ")
      .trimEnd(),
  );
