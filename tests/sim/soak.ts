// Simulates the whole chat system, seed after seed.
//   bun tests/sim/soak.ts [--seconds 60] [--minutes 10] [--from 1]
//                     as many seeds as fit into the seconds, each a chat of that many virtual minutes
//   bun tests/sim/soak.ts --seeds 1000    that many seeds, however long it takes
//   bun tests/sim/soak.ts --seed 4711     one seed again
//   --hubs 3          so many servers that are one, on a simulated database; then the same number of
//                     servers for members only, and people with passes

import { parseArgs } from "node:util";
import { simulateClosed } from "./cluster/closed-world.ts";
import { simulateCluster } from "./cluster/world.ts";
import { simulate } from "./chat/world.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    minutes: { type: "string", default: "10" },
    from: { type: "string", default: "1" },
    seeds: { type: "string" },
    seed: { type: "string" },
    hubs: { type: "string" },
  },
});
const minutes = Number(values.minutes);
const first = Number(values.seed ?? values.from);
const most = values.seed === undefined ? Number(values.seeds ?? Infinity) : 1;
const untilMs =
  values.seeds === undefined ? performance.now() + 1000 * Number(values.seconds) : Infinity;
let failures = 0;
let done = 0;
let messages = 0;
for (let seed = first; done < most && (done === 0 || performance.now() < untilMs); seed++, done++) {
  try {
    const world =
      values.hubs === undefined
        ? simulate(seed, minutes)
        : simulateCluster(seed, minutes, Number(values.hubs));
    messages += world.truth.tokens.length;
    if (values.hubs !== undefined) simulateClosed(seed, minutes, Number(values.hubs));
  } catch (error) {
    failures++;
    console.log(error instanceof Error ? error.message : String(error));
    if (values.seed !== undefined) console.log(error instanceof Error ? error.cause : error);
  }
}
console.log(`${done} seeds of ${minutes} min, ${messages} messages, ${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
