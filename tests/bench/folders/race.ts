// One run of one contestant: its client timed from start to exit, and its tree compared with the
// original.

import { lstatSync, readdirSync, readFileSync, type Stats } from "node:fs";
import { join } from "node:path";
import type { Course } from "../transfer/peers.ts";
import { cpuSecondsOf, type Running } from "../transfer/race.ts";
import type { FolderPeer } from "./peers.ts";

export interface FolderRun {
  readonly seconds: number;
  /** Processor time of both ends, in seconds. */
  readonly cpu: { readonly client: number; readonly server: number };
  /** The parts of the original that the copy lacks, in words. */
  readonly lost: readonly string[];
}

/** @throws if the client fails, or a file has different content */
export async function raceFolder(
  peer: FolderPeer,
  course: Course,
  server: Running,
): Promise<FolderRun> {
  const before = cpuSecondsOf(server.pid);
  const startedMs = performance.now();
  const child = Bun.spawn([...course.atClient, ...peer.client(course)], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    timeout: 300_000,
  });
  const [stderr, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  const seconds = (performance.now() - startedMs) / 1000;
  if (code !== 0) throw new Error(`${peer.name} ended with ${code}: ${stderr.slice(-500)}`);
  const client = Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6;
  const cpu = { client, server: cpuSecondsOf(server.pid) - before };
  const lost = compareTrees(join(course.source, "tree"), join(course.target, "tree"));
  return { seconds, cpu, lost };
}

/** The differences of `copy` from `original`. @throws if a file has different content */
function compareTrees(original: string, copy: string): string[] {
  const counts = new Map<string, number>();
  const lose = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1);
  const walk = (path: string): void => {
    for (const name of readdirSync(join(original, path))) {
      const at = join(path, name);
      const stat = lstatSync(join(original, at));
      const found = lstatSync(join(copy, at), { throwIfNoEntry: false });
      if (found === undefined) lose(kindOf(stat));
      else compare(at, stat, found);
      if (stat.isDirectory()) walk(at);
    }
  };
  const compare = (at: string, stat: Stats, found: Stats): void => {
    if (kindOf(stat) !== kindOf(found)) throw new Error(`${at} is another kind`);
    if (stat.isSymbolicLink()) return;
    if (stat.mtimeMs !== found.mtimeMs && Math.floor(stat.mtimeMs) !== found.mtimeMs)
      lose(`time of ${kindOf(stat)}`);
    else if (stat.mtimeMs !== found.mtimeMs)
      lose(`less than a millisecond of the time of ${kindOf(stat)}`);
    if (stat.mode !== found.mode) lose(`permissions of ${kindOf(stat)}`);
    if (stat.isFile() && !readFileSync(join(original, at)).equals(readFileSync(join(copy, at)))) {
      throw new Error(`${at} has another content`);
    }
  };
  walk(".");
  return [...counts].map(([what, count]) => `${what} (${count})`);
}

function kindOf(stat: Stats): string {
  if (stat.isDirectory()) return "folder";
  return stat.isSymbolicLink() ? "link" : "file";
}
