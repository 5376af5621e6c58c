// 2 000 users of the old chat room join within a second and leave at once: how long somebody else's
// request for the list takes meanwhile, and what it costs the server. Linux only.
//
//   bun tests/bench/join-storm.ts [--rounds 5]

import { parseArgs } from "node:util";
import { type Framing, type JoinStorm, joinStorm } from "../interop/join-storm.ts";
import { percentile } from "./chat/process.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "5" } } });
const framings: Framing[] = ["framed", "unframed"];
const results = new Map<Framing, JoinStorm[]>(framings.map((framing) => [framing, []]));
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [framing, list] of results) list.push(await joinStorm(framing));
}

const columns = {
  joiningShowMs: "list, joining ms",
  leavingShowMs: "list, leaving ms",
  cpuMs: "CPU ms",
  growthMiB: "MiB more",
} as const satisfies Partial<Record<keyof JoinStorm, string>>;
const heads = Object.values(columns).map((head) => head.padStart(17));
console.log(
  `${"".padEnd(10)}${heads.join("")}   (medians of ${values.rounds}; lists: the slowest)`,
);
for (const [framing, list] of results) {
  const cells = (Object.keys(columns) as (keyof typeof columns)[]).map((column) => {
    const numbers = list.map((result) => result[column]);
    return percentile(numbers, 0.5).toFixed(0).padStart(17);
  });
  console.log(`${framing.padEnd(10)}${cells.join("")}`);
}
