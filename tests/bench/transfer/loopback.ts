// The row without a network: a file, 1 GiB by default, over loopback into memory, beside curl from
// nginx (with its output hashed, unverified, and over TLS) and rsync.

import { join } from "node:path";
import { allPeers, type Course, curlBbr, curlTls, parley, type Peer, rsync } from "./peers.ts";
import { hashOf, race, type Run, startServer } from "./race.ts";

/** Prints the rates of each turn, processor time, and the ratios. */
export async function loopbackRow(
  course: Course,
  sizeBytes: number,
  repeat: number,
  isWanted: (peer: Peer) => boolean,
): Promise<void> {
  const sha256 = await hashOf(join(course.source, course.file));
  const hasSha = (await Bun.file("/proc/cpuinfo").text()).includes(" sha_ni");
  const verified = hashedCurl("curl | tee | openssl", "");
  // OpenSSL can be told not to use these instructions (OPENSSL_ia32cap(3): bit 29 of leaf 7's EBX).
  const withoutSha = hashedCurl("the same without SHA", "OPENSSL_ia32cap=:~0x20000000 ");
  const hashed = hasSha ? [verified, withoutSha] : [verified];
  const racers = [
    parley,
    ...hashed,
    { ...curlBbr, name: "curl" },
    curlTls,
    rsync,
    ...allPeers.filter(({ name }) => name === "Bun HTTP/3"),
  ].filter((peer) => isWanted(peer));
  const perGb = 1e9 / sizeBytes;
  const runs = new Map<string, Run[]>();
  for (let turn = 0; turn < repeat; turn++) {
    for (const peer of racers) {
      const missing = peer.missing();
      if (missing !== undefined) {
        if (turn === 0) console.log(`skipped: ${peer.name}: ${missing}`);
        continue;
      }
      await using server = await startServer(peer, course);
      const run = await race(peer, course, sizeBytes, sha256, 120_000, server);
      runs.set(peer.name, [...(runs.get(peer.name) ?? []), run]);
    }
  }
  console.log(
    `\nloopback, ${sizeBytes / 2 ** 20} MiB into memory (whole process; SHA extensions: ${hasSha ? "yes" : "no"}):`,
  );
  for (const [name, list] of runs) {
    const rates = list.map(({ bytesPerSecond }) => (bytesPerSecond / 1e6).toFixed(0));
    const client = median(list.map(({ cpuSeconds }) => cpuSeconds.client * perGb));
    const server = median(list.map(({ cpuSeconds }) => cpuSeconds.server * perGb));
    const cpu = `${client.toFixed(2)} + ${server.toFixed(2)} s/GB`;
    console.log(
      `  ${name.padEnd(22)} ${rates.join("  ").padEnd(30)} MB/s, CPU of client + server ${cpu}`,
    );
  }
  compare(runs, parley.name, verified.name, "≥ 2.0 without SHA extensions");
  compare(runs, parley.name, withoutSha.name, "≥ 2.0");
  compare(runs, parley.name, rsync.name, "≥ 1.0");
  compare(runs, parley.name, "curl", "≥ 1.0");
}

/** curl whose output is saved and hashed. */
function hashedCurl(name: string, environment: string): Peer {
  const script = `curl -sS --fail "$1" | tee "$2" | ${environment}openssl sha256`;
  return {
    ...curlBbr,
    name,
    client: (at: Course, out: string) => {
      const url = curlBbr.client(at, out).at(-1) ?? "";
      return ["sh", "-c", script, "sh", url, out];
    },
  };
}

function compare(
  runs: ReadonlyMap<string, readonly Run[]>,
  ours: string,
  theirs: string,
  wanted: string,
): void {
  const others = runs.get(theirs) ?? [];
  if (others.length === 0) return;
  const ratios = (runs.get(ours) ?? []).map(
    ({ bytesPerSecond }, i) => bytesPerSecond / (others[i]?.bytesPerSecond ?? Number.NaN),
  );
  const each = ratios.map((ratio) => ratio.toFixed(2)).join("  ");
  console.log(
    `  ${ours} ÷ ${theirs}, turn by turn: ${each}; median ${median(ratios).toFixed(2)} (wanted ${wanted})`,
  );
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
