// Servers with one database are restarted one after another, as for an upgrade, while users talk:
// nothing is lost, duplicated or out of order. FAULT_SEED to repeat a failure.

import { expect } from "bun:test";
import { acknowledgedBy, chance, expectPromiseKept, gather, silence } from "../fault/talker.ts";
import { until } from "../until.ts";
import { skipUnless } from "../skip.ts";
import { hasPostgres, withoutPostgres } from "../store/postgres/cluster.ts";
import { Setting } from "./setting.ts";

const seed = Number(process.env["FAULT_SEED"] ?? Date.now() % 1_000_000);

skipUnless(hasPostgres, withoutPostgres)(
  `three servers are restarted one after the other (FAULT_SEED=${seed})`,
  async () => {
    await using setting = await Setting.start(3);
    const talkers = await gather(9, setting.ports, chance(seed), { inFlight: 3, pauseMs: 50 });
    for (const talker of talkers) talker.talk();
    for (const server of setting.servers) {
      const wanted = acknowledgedBy(talkers) + 200;
      await until(
        () => acknowledgedBy(talkers) >= wanted,
        () => `${wanted} acknowledgements\n${setting.log}`,
      );
      expect(await server.stop()).toBe(0);
      await server.start();
    }
    await silence(talkers);
    expectPromiseKept(talkers, await setting.lines());
    // Every user had to move.
    for (const talker of talkers) expect(talker.returns).toBeGreaterThan(0);
    await Promise.all(talkers.map((talker) => talker.leave()));
  },
  180_000,
);
