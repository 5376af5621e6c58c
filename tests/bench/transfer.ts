// How fast a file arrives: parley beside curl from nginx, Bun's HTTP/3, TFTP and open-chat's
// stop-and-wait, and rsync on loopback, each as a whole process, in the same run over the same
// links.
//   bun tests/bench/transfer.ts [--rows 1,2] [--peers parley,curl] [--repeat 3] [--size 16]
// Wide-area rows need root, iproute2 and a C compiler; without them they are skipped with a reason.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chatRow, crowdRow, neighbourRow, relayRow } from "./transfer/beside.ts";
import { loopbackRow } from "./transfer/loopback.ts";
import { type Handed, Handover, type How, ways } from "./transfer/person.ts";
import { allPeers, type Course, type Peer } from "./transfer/peers.ts";
import { hashOf, race, type Run, startServer } from "./transfer/race.ts";
import { ShapedVeth } from "./transfer/shaped-veth.ts";
import { type Link, missingForWideArea, serverAddress, WideArea } from "./transfer/wide-area.ts";

const MiB = 1024 * 1024;

interface Row extends Link {
  readonly wanted: number;
  readonly sizeMiB: number;
  /** A veth shaped by tbf instead of the emulated link: without delay and loss. */
  readonly isVeth?: boolean;
}

const rows: readonly Row[] = [
  { mbit: 100, rttMs: 50, lossPercent: 0, wanted: 1.05, sizeMiB: 16 },
  { mbit: 100, rttMs: 50, lossPercent: 1, wanted: 1.1, sizeMiB: 16 },
  { mbit: 100, rttMs: 50, lossPercent: 5, wanted: 1.25, sizeMiB: 16 },
  { mbit: 100, rttMs: 50, lossPercent: 10, wanted: 1.25, sizeMiB: 16 },
  { mbit: 100, rttMs: 50, lossPercent: 1, jitterMs: 5, wanted: 1.15, sizeMiB: 16 },
  { mbit: 20, rttMs: 600, lossPercent: 1, wanted: 1.5, sizeMiB: 16 },
  { mbit: 1000, rttMs: 10, lossPercent: 0.1, wanted: 1.1, sizeMiB: 192 },
  { mbit: 1000, rttMs: 2, lossPercent: 0, wanted: 1, sizeMiB: 192 },
  { mbit: 1000, rttMs: 0, lossPercent: 0, wanted: 1, sizeMiB: 384, isVeth: true },
  { mbit: 2500, rttMs: 0, lossPercent: 0, wanted: 0.9, sizeMiB: 768, isVeth: true },
];

const { values } = parseArgs({
  options: {
    rows: { type: "string" },
    peers: { type: "string" },
    repeat: { type: "string", default: "3" },
    size: { type: "string" },
    seed: { type: "string", default: "1" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log(
    "bun tests/bench/transfer.ts [--rows 1,2,loopback] [--peers parley,curl,http] [--repeat 3] [--size MiB] [--seed 1]",
  );
  rows.forEach((row, i) => console.log(`  ${i + 1}  ${describe(row)}`));
  console.log(
    "  neighbours  on 100 Mbit/s, 50 ms, beside curl (BBR) and beside another fetch, 30 s each",
  );
  console.log("  person  from person to person, beside the same from a server");
  console.log("  loopback  1 GiB into memory (or --size), verified");
  console.log("  chat  latency of a chat beside a fetch at full speed");
  console.log("  relay  latency of a chat beside datagrams that are relayed");
  console.log("  crowd  50 fetches of 20 MB at once");
  process.exit(0);
}

const repeat = Number(values.repeat);
const slowBytes = 64 * 1024; // what one call of getRandomValues gives
const stallMs = 60_000;
const base = Bun.spawnSync(["test", "-w", "/dev/shm"]).success ? "/dev/shm" : tmpdir();
const folder = mkdtempSync(join(base, "parley-bench-"));
const wantedRows = values.rows?.split(",");
const peers = allPeers.filter((peer) => isWanted(peer));

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => process.exit(130));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

for (const peer of allPeers) {
  const missing = peer.missing();
  if (isWanted(peer) && missing !== undefined) console.log(`skipped: ${peer.name}: ${missing}`);
}
const why = missingForWideArea();
if (why !== undefined) console.log(`skipped: wide-area rows: ${why}`);
else {
  const seen = peers.map(({ name }) => name);
  console.log(`| link | ${seen.join(" | ")} | ÷ best | wanted | again | rtt | CPU |`);
  console.log(`|---|${seen.map(() => "--:|").join("")}--:|--:|--:|--:|--:|`);
  for (const [i, row] of rows.entries()) {
    if (isWantedRow(String(i + 1))) await wideAreaRow(row);
  }
  if (isWantedRow("neighbours")) await neighbours();
}
if (isWantedRow("person")) await personRows();
if (isWantedRow("loopback") || isWantedRow("chat")) {
  const sizeBytes = Number(values.size ?? 1024) * MiB;
  const course = await prepare(sizeBytes, "127.0.0.1");
  if (isWantedRow("loopback")) await loopbackRow(course, sizeBytes, repeat, isWanted);
  if (isWantedRow("chat")) await chatRow(course, 10);
}
if (isWantedRow("relay"))
  await relayRow(await prepare(1, "127.0.0.1"), 4, [8_000, 40_000, 160_000]);
if (isWantedRow("crowd")) await crowdRow(await prepare(20_000_000, "127.0.0.1"), 50);

/**
 * From person to person: directly, relayed, and as frames, compared with the same file from a
 * server.
 */
async function personRows(): Promise<void> {
  const links: readonly Row[] = [0, 1, 8].map((i) => rows[i]!);
  console.log(
    "\nfrom person to person, MB/s from the first byte of the channel to the last verified:",
  );
  console.log(`| link | ${ways.join(" | ")} | direct ÷ server | relayed ÷ direct | relay |`);
  console.log("|---|--:|--:|--:|--:|--:|--:|--:|");
  for (const row of why === undefined ? links : []) {
    const sizeBytes = Number(values.size ?? Math.min(192, row.sizeMiB * 2)) * MiB;
    const course = await prepare(sizeBytes);
    const seed = Number(values.seed);
    await personRow(describe(row), sizeBytes, async () => {
      const area = await (row.isVeth === true
        ? ShapedVeth.open(row.mbit)
        : WideArea.open(row, folder, seed));
      const { atServer, atClient } = area;
      return { course: { ...course, atServer, atClient }, area };
    });
  }
  const course = await prepare(512 * MiB, "127.0.0.1");
  await personRow("loopback", 512 * MiB, async () => ({ course, area: undefined }));
}

async function personRow(
  name: string,
  sizeBytes: number,
  open: () => Promise<{ course: Course; area: AsyncDisposable | undefined }>,
): Promise<void> {
  const runs = new Map<How, Handed[]>(ways.map((how) => [how, []]));
  let sha256: string | undefined;
  for (let turn = 0; turn < repeat; turn++) {
    for (const how of ways) {
      const { course, area } = await open();
      try {
        sha256 ??= await hashOf(join(course.source, course.file));
        await using handover = await Handover.open(course, how);
        runs.get(how)?.push(await handover.send(how, sizeBytes, sha256));
      } finally {
        await area?.[Symbol.asyncDispose]();
      }
    }
  }
  const rateOf = (how: How): number =>
    median((runs.get(how) ?? []).map(({ bytesPerSecond }) => bytesPerSecond / 1e6));
  const cells = ways.map((how) => rateOf(how).toPrecision(3)).join(" | ");
  const direct = (rateOf("direct") / rateOf("from the server")).toFixed(2);
  const relayed = (rateOf("relayed") / rateOf("direct")).toFixed(2);
  const relayUs = median((runs.get("relayed") ?? []).map((run) => run.relayUs)).toFixed(1);
  console.log(`| ${name} | ${cells} | ${direct} | ${relayed} | ${relayUs} µs a datagram |`);
}

function isWantedRow(name: string): boolean {
  return wantedRows === undefined || wantedRows.includes(name);
}

async function neighbours(): Promise<void> {
  const seconds = 30;
  // More than the link carries in that time.
  const course = await prepare(640 * MiB);
  console.log("\ntwo downloads on 100 Mbit/s, 50 ms:");
  for (const second of ["curl", "parley"] as const) {
    const link = { mbit: 100, rttMs: 50, lossPercent: 0 };
    await using area = await WideArea.open(link, folder, Number(values.seed));
    const { atServer, atClient } = area;
    await neighbourRow({ ...course, atServer, atClient }, area, second, seconds);
  }
}

function isWanted(peer: Peer): boolean {
  const names = values.peers?.toLowerCase().split(",");
  const wanted = names?.some((name) => peer.name.toLowerCase().startsWith(name)) ?? true;
  return wanted && (peer.missing() === undefined || names !== undefined);
}

function describe({ mbit, rttMs, lossPercent, jitterMs, isVeth }: Row): string {
  if (isVeth === true) return `${mbit / 1000} Gbit/s, veth and tbf`;
  const rate = mbit >= 1000 ? `${mbit / 1000} Gbit/s` : `${mbit} Mbit/s`;
  const jitter = jitterMs === undefined ? "" : `, ${jitterMs} ms jitter`;
  return `${rate}, ${rttMs} ms, ${lossPercent} %${jitter}`;
}

/**
 * Peers take turns, so that other activity of the machine affects all of them alike; the median
 * counts.
 */
async function wideAreaRow(row: Row): Promise<void> {
  const sizeBytes = Number(values.size ?? row.sizeMiB) * MiB;
  const course = await prepare(sizeBytes);
  const runs = new Map<Peer, Run[]>(peers.map((peer) => [peer, []]));
  for (let turn = 0; turn < repeat; turn++) {
    const seed = Number(values.seed) + turn;
    await using area = await (row.isVeth === true
      ? ShapedVeth.open(row.mbit)
      : WideArea.open(row, folder, seed));
    for (const peer of peers) {
      if (peer.missing() !== undefined) continue;
      if (peer.isSlow === true && turn > 0) continue;
      if (peer.tcp !== undefined && !area.useTcp(peer.tcp)) continue;
      const { atServer, atClient } = area;
      const run = await oneRun(peer, { ...course, atServer, atClient }, sizeBytes);
      runs.get(peer)?.push(run);
    }
  }
  console.log(line(row, runs));
}

async function oneRun(peer: Peer, course: Course, sizeBytes: number): Promise<Run> {
  const slow = peer.isSlow === true;
  const file = slow ? "small" : "file";
  const bytes = slow ? slowBytes : sizeBytes;
  await using server = await startServer(peer, { ...course, file });
  const sha256 = await hashOf(join(course.source, file));
  return await race(peer, { ...course, file }, bytes, sha256, stallMs, server);
}

async function prepare(sizeBytes: number, address = serverAddress): Promise<Course> {
  const source = join(folder, "source");
  const target = join(folder, "target");
  const work = join(folder, "work");
  // Remains of an earlier row are in memory.
  rmSync(source, { recursive: true, force: true });
  rmSync(target, { recursive: true, force: true });
  for (const path of [source, target, work]) mkdirSync(path, { recursive: true });
  // Nothing that a link or a file system could compress.
  const writer = Bun.file(join(source, "file")).writer();
  for (let at = 0; at < sizeBytes; at += 65_536) {
    writer.write(crypto.getRandomValues(new Uint8Array(Math.min(65_536, sizeBytes - at))));
    if (at % (16 * MiB) === 0) await writer.flush();
  }
  await writer.end();
  await Bun.write(join(source, "small"), crypto.getRandomValues(new Uint8Array(slowBytes)));
  return { source, target, work, file: "file", address, atServer: [], atClient: [] };
}

function line(row: Row, runs: ReadonlyMap<Peer, readonly Run[]>): string {
  const rates = new Map<string, number>();
  const cells = peers.map((peer) => {
    const list = runs.get(peer) ?? [];
    if (list.length === 0) return "–";
    const middle = median(list.map(({ bytesPerSecond }) => bytesPerSecond));
    rates.set(peer.name, middle);
    return `${(middle / 1e6).toPrecision(3)}${list.some(({ note }) => note) ? " *" : ""}`;
  });
  const ours = rates.get("parley");
  const best = Math.max(...[...rates].map(([name, rate]) => (name === "parley" ? 0 : rate)));
  const ratio = ours === undefined || best <= 0 ? "–" : (ours / best).toFixed(2);
  const [first] = [...runs].filter(([peer]) => peer.name === "parley").map(([, list]) => list);
  const again = (first ?? []).map(({ figures }) => (100 * (figures.retransmitted ?? 0)).toFixed(1));
  const rtt = (first ?? []).map(({ figures }) => Math.round(figures.rttMs ?? 0));
  const perGb = 1e9 / (Number(values.size ?? row.sizeMiB) * MiB);
  // CPU seconds of both ends per GB, for parley and the first TCP.
  const cpu = ["parley", "curl bbr"].map((name) => {
    const list = [...runs].filter(([peer]) => peer.name === name).flatMap(([, list]) => list);
    const each = list.map(({ cpuSeconds: { client, server } }) => (client + server) * perGb);
    return median(each).toFixed(1);
  });
  const path = `${again.join(" ")} % | ${rtt.join(" ")} ms`;
  const tail = `${ratio} | ≥ ${row.wanted} | ${path} | ${cpu.join(" / ")} s/GB`;
  return `| ${describe(row)} | ${cells.join(" | ")} | ${tail} |`;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
