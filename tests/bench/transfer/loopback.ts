// The row without a network: 1 GiB over loopback into memory, verified, beside curl whose output is saved and hashed.

import { join } from "node:path";
import { allPeers, type Course, curlBbr, parley } from "./peers.ts";
import { hashOf, race, startServer } from "./race.ts";

/** Size of the loopback rows' file. */
export const sizeBytes = 2 ** 30;

/** Prints the rates of each turn, and the ratio of their medians. */
export async function loopbackRow(course: Course, repeat: number): Promise<void> {
  const sha256 = await hashOf(join(course.source, course.file));
  const hashing = ["sh", "-c", 'curl -sS --fail "$1" | tee "$2" | sha256sum', "sh"];
  const verified = {
    ...curlBbr,
    name: "curl | tee | sha256sum",
    client: (at: Course, out: string) => [...hashing, curlBbr.client(at, out).at(-1) ?? "", out],
  };
  const racers = [parley, verified, ...allPeers.filter(({ name }) => name === "Bun HTTP/3")];
  const rates = new Map<string, number[]>();
  for (let turn = 0; turn < repeat; turn++) {
    for (const peer of racers) {
      const missing = peer.missing();
      if (missing !== undefined) {
        if (turn === 0) console.log(`skipped: ${peer.name}: ${missing}`);
        continue;
      }
      await using _ = await startServer(peer, course);
      const { bytesPerSecond } = await race(peer, course, sizeBytes, sha256, 120_000);
      rates.set(peer.name, [...(rates.get(peer.name) ?? []), bytesPerSecond / 1e6]);
    }
  }
  console.log("\nloopback, 1 GiB into memory (MB/s, whole process):");
  for (const [name, list] of rates) {
    console.log(`  ${name.padEnd(24)} ${list.map((rate) => rate.toFixed(0)).join("  ")}`);
  }
  const ours = Math.max(...(rates.get(parley.name) ?? [Number.NaN]));
  const theirs = Math.max(...(rates.get(verified.name) ?? [Number.NaN]));
  console.log(
    `  best parley ÷ best curl | tee | sha256sum: ${(ours / theirs).toFixed(2)} (wanted ≥ 2.0)`,
  );
}
