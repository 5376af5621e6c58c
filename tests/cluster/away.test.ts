// A server that stops for longer than its lease, and a database that dies under load: nothing
// acknowledged is lost or duplicated, and everything recovers by itself. AWAY_SECONDS=60 for a
// database that is away for longer, of which people must be told; FAULT_SEED to repeat a failure.

import { expect } from "bun:test";
import { acknowledgedBy, chance, expectPromiseKept, gather, silence } from "../fault/talker.ts";
import { until } from "../until.ts";
import { postgres as limits, sender } from "../../src/limits.ts";
import { skipUnless } from "../skip.ts";
import { hasPostgres, withoutPostgres } from "../store/postgres/cluster.ts";
import { Setting } from "./setting.ts";

const seed = Number(process.env["FAULT_SEED"] ?? Date.now() % 1_000_000);
const awaySeconds = Number(process.env["AWAY_SECONDS"] ?? 0);
const withPostgres = skipUnless(hasPostgres, withoutPostgres);
withPostgres(
  `a server stops for longer than its lease, and comes back without its people (FAULT_SEED=${seed})`,
  async () => {
    await using setting = await Setting.start(2);
    const [first, second] = setting.servers;
    const talkers = await gather(6, setting.ports, chance(seed));
    const [stopped, others] = [0, 1].map((at) => talkers.filter((_, i) => i % 2 === at));
    for (const talker of talkers) talker.talk();
    await until(
      () => acknowledgedBy(talkers) >= 300,
      () => `300 acknowledgements\n${setting.log}`,
    );
    const suspended = first!.suspend(limits.leaseMs + limits.renewMs + 4_000);
    // That takes a while, in which a few messages show as much as thousands.
    for (const talker of talkers) talker.pace = { inFlight: 8, pauseMs: 200 };
    // The others are told that its users are gone, while it can't report anything itself.
    const leaves = () => new Set(others!.flatMap((talker) => talker.leaves));
    await until(
      () => stopped!.every(({ name }) => leaves().has(`${name}: lost`)),
      () => `the people of the stopped server to leave: ${[...leaves()].join(", ")}`,
    );
    const before = acknowledgedBy(others!);
    await until(
      () => acknowledgedBy(others!) > before,
      () => "the other server to go on",
    );
    await suspended;
    await silence(talkers);
    expectPromiseKept(talkers, await setting.lines());
    const holders = await setting.query<{ folded: string }>(
      "SELECT folded FROM parley.names ORDER BY folded",
    );
    expect(holders.map(({ folded }) => folded)).toEqual(talkers.map(({ name }) => name).sort());
    await Promise.all(talkers.map((talker) => talker.leave()));
    for (const server of [first!, second!]) expect(await server.stop()).toBe(0);
  },
  180_000,
);

withPostgres(
  `the database dies under load and starts again after ${awaySeconds} s (FAULT_SEED=${seed})`,
  async () => {
    await using setting = await Setting.start(2, [], true);
    const talkers = await gather(6, setting.ports, chance(seed));
    for (const talker of talkers) talker.talk();
    for (let round = 1; round <= 2; round++) {
      const wanted = acknowledgedBy(talkers) + 300;
      await until(
        () => acknowledgedBy(talkers) >= wanted,
        () => `${wanted} acknowledgements in round ${round}\n${setting.log}`,
      );
      await setting.postgres.stop("immediate");
      await Bun.sleep(1_000 * awaySeconds);
      await setting.postgres.startAgain();
    }
    await silence(talkers);
    expectPromiseKept(talkers, await setting.lines());
    const problems = talkers.map((talker) => talker.problems.join("\n"));
    const told = problems.filter((text) => text.includes("storage: ")).length;
    if (awaySeconds > 2 * sender.silentStoreSeconds) expect(told).toBe(talkers.length);
    await Promise.all(talkers.map((talker) => talker.leave()));
  },
  180_000 + 2_000 * awaySeconds,
);
