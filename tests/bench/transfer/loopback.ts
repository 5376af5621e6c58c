// The row without a network: 1 GiB over loopback into memory, verified, beside curl whose output is
// saved and hashed.

import { join } from "node:path";
import { allPeers, type Course, curlBbr, parley } from "./peers.ts";
import { hashOf, race, startServer } from "./race.ts";

/** Size of the loopback rows' file. */
export const sizeBytes = 2 ** 30;

/** Prints the rates of each turn, and the ratios. */
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
  const theirs = rates.get(verified.name) ?? [];
  const ratios = (rates.get(parley.name) ?? []).map((rate, i) => rate / (theirs[i] ?? Number.NaN));
  const middle = ratios.toSorted((a, b) => a - b)[Math.floor(ratios.length / 2)];
  console.log(
    `  parley ÷ curl | tee | sha256sum, turn by turn: ${ratios.map((ratio) => ratio.toFixed(2)).join("  ")}` +
      `; median ${middle?.toFixed(2)} (wanted ≥ 2.0)`,
  );
}
