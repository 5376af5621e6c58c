// Three servers with one database die, one after another, while users talk and move to another:
// nothing acknowledged is lost or duplicated. FAULT_ROUNDS=50 for the long run, FAULT_SEED to
// repeat a failure.

import { expect } from "bun:test";
import { acknowledgedBy, chance, expectPromiseKept, gather, silence } from "../fault/talker.ts";
import { until } from "../until.ts";
import { skipUnless } from "../skip.ts";
import { hasPostgres, withoutPostgres } from "../store/postgres/cluster.ts";
import { Setting } from "./setting.ts";

const rounds = Number(process.env["FAULT_ROUNDS"] ?? 3);
const seed = Number(process.env["FAULT_SEED"] ?? Date.now() % 1_000_000);
const withPostgres = skipUnless(hasPostgres, withoutPostgres);

/** The names in the table of members, once it has as many rows as there are users. */
async function membersOnceSettled(setting: Setting, count: number): Promise<string[]> {
  let names: string[] = [];
  const isSettled = async (): Promise<boolean> => {
    const sql = "SELECT folded FROM parley.members ORDER BY folded";
    names = (await setting.query<{ folded: string }>(sql)).map(({ folded }) => folded);
    return names.length === count;
  };
  await until(isSettled, () => `${count} members; there are ${names.join(", ")}`);
  return names;
}

withPostgres(
  `${rounds} kills of one of three servers under load (FAULT_SEED=${seed})`,
  async () => {
    const random = chance(seed);
    await using setting = await Setting.start(3);
    const { servers } = setting;
    const talkers = await gather(12, setting.ports, random);
    for (const talker of talkers) talker.talk();
    for (let round = 1; round <= rounds; round++) {
      const wanted = acknowledgedBy(talkers) + 100 + Math.floor(500 * random());
      await until(
        () => acknowledgedBy(talkers) >= wanted,
        () => `${wanted} acknowledgements in round ${round}\n${setting.log}`,
      );
      const server = servers[Math.floor(servers.length * random())]!;
      await server.kill();
      await Bun.sleep(200 * random());
      await server.start();
    }
    await silence(talkers);
    expectPromiseKept(talkers, await setting.lines());
    // Users of a dead server are present through another one, and nowhere else.
    const present = await membersOnceSettled(setting, talkers.length);
    expect(present).toEqual(talkers.map(({ name }) => name).sort());
    await Promise.all(talkers.map((talker) => talker.leave()));
    for (const server of servers) expect(await server.stop()).toBe(0);
  },
  180_000 + 15_000 * rounds,
);
