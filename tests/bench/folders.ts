// How fast folders arrive, and what is lost on the way: parley beside rsync (from its daemon and
// over ssh), curl from nginx, and magic-wormhole, each as a whole process, in turns, on loopback
// and on an emulated link.
//   bun tests/bench/folders.ts [--links loopback,wide] [--trees big,small,odd] [--peers parley,rsync] [--repeat 3]
// On a machine that has other things to do, `chrt -f 1 bun tests/bench/folders.ts` keeps those
// away. The link needs root, iproute2 and a C compiler; without them its rows are skipped with a
// reason.

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { allFolderPeers, type FolderPeer } from "./folders/peers.ts";
import { type FolderRun, raceFolder } from "./folders/race.ts";
import { type Tree, trees } from "./folders/trees.ts";
import type { Course } from "./transfer/peers.ts";
import { startServer } from "./transfer/race.ts";
import { missingForWideArea, serverAddress, WideArea } from "./transfer/wide-area.ts";

const { values } = parseArgs({
  options: {
    links: { type: "string", default: "loopback,wide" },
    trees: { type: "string", default: "big,small,odd" },
    peers: { type: "string" },
    repeat: { type: "string", default: "3" },
  },
});

const base = Bun.spawnSync(["test", "-w", "/dev/shm"]).success ? "/dev/shm" : tmpdir();
const folder = mkdtempSync(join(base, "parley-folders-"));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => process.exit(130));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const names = values.peers?.toLowerCase().split(",");
const peers = allFolderPeers.filter((peer) => {
  const isWanted = names?.some((name) => peer.name.toLowerCase().startsWith(name)) ?? true;
  const missing = peer.missing();
  if (isWanted && missing !== undefined) console.log(`skipped: ${peer.name}: ${missing}`);
  return isWanted && missing === undefined;
});

for (const link of values.links.split(",")) {
  const missing = link === "wide" ? missingForWideArea() : undefined;
  if (missing !== undefined) {
    console.log(`skipped: the link of 100 Mbit/s and 50 ms: ${missing}`);
    continue;
  }
  for (const tree of trees.filter(({ name }) => values.trees.split(",").includes(name))) {
    await row(tree, link === "wide");
  }
}

async function row(tree: Tree, isWide: boolean): Promise<void> {
  const source = join(folder, "source");
  const work = join(folder, "work");
  rmSync(source, { recursive: true, force: true });
  for (const path of [source, work]) mkdirSync(path, { recursive: true });
  await tree.make(join(source, "tree"), isWide);
  const runs = new Map<FolderPeer, FolderRun[]>(peers.map((peer) => [peer, []]));
  for (let turn = 0; turn < Number(values.repeat); turn++) {
    await using area = isWide ? await wideArea(turn) : undefined;
    area?.useTcp("bbr");
    for (const peer of peers) {
      const course: Course = {
        source,
        target: join(folder, "target"),
        work,
        file: "tree",
        address: isWide ? serverAddress : "127.0.0.1",
        atServer: area?.atServer ?? [],
        atClient: area?.atClient ?? [],
      };
      rmSync(course.target, { recursive: true, force: true });
      mkdirSync(course.target);
      await using server = await startServer(peer, course);
      runs.get(peer)?.push(await raceFolder(peer, course, server));
    }
  }
  report(tree, isWide, runs);
}

function wideArea(turn: number): Promise<WideArea> {
  return WideArea.open({ mbit: 100, rttMs: 50, lossPercent: 0 }, folder, 1 + turn);
}

function report(
  tree: Tree,
  isWide: boolean,
  runs: ReadonlyMap<FolderPeer, readonly FolderRun[]>,
): void {
  const where = isWide ? "100 Mbit/s, 50 ms" : "loopback";
  console.log(`\n${tree.describe(isWide)}, ${where}:`);
  const ours = runs.get(peers[0]!) ?? [];
  for (const [peer, list] of runs) {
    const seconds = list.map(({ seconds }) => seconds.toFixed(2)).join("  ");
    const client = secondsText(median(list.map(({ cpu }) => cpu.client)));
    const server = secondsText(median(list.map(({ cpu }) => cpu.server)));
    const ratio = median(list.map(({ seconds }, i) => (ours[i]?.seconds ?? Number.NaN) / seconds));
    const compared = peer === peers[0] ? "" : `; ${peers[0]?.name} takes ${ratio.toFixed(2)} ×`;
    console.log(
      `  ${peer.name.padEnd(16)} ${seconds.padEnd(20)} s, CPU ${client} + ${server} s${compared}`,
    );
    const lost = list.at(-1)?.lost ?? [];
    if (lost.length > 0) console.log(`  ${"".padEnd(16)} loses ${lost.join("; ")}`);
  }
}

/** A process that exits with the transfer does not report its usage. */
function secondsText(seconds: number): string {
  return Number.isNaN(seconds) ? "?" : seconds.toFixed(2);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
