// SIGKILL under load: the server dies repeatedly while twenty users talk, and nothing acknowledged
// is lost or duplicated. FAULT_ROUNDS=50 for the long run, FAULT_SEED to repeat a failure.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { FaultyServer, linesInFile } from "./server.ts";
import { acknowledgedBy, chance, expectPromiseKept, gather, silence } from "./talker.ts";
import { testFolder } from "../test-folder.ts";
import { until } from "../until.ts";

const folder = testFolder("fault-kill");
const rounds = Number(process.env["FAULT_ROUNDS"] ?? 6);
const seed = Number(process.env["FAULT_SEED"] ?? Date.now() % 1_000_000);

test(
  `${rounds} kills under load (FAULT_SEED=${seed})`,
  async () => {
    const random = chance(seed);
    const path = join(folder, "chat.db");
    await using server = new FaultyServer(folder, ["--data", path]);
    await server.start();
    const talkers = await gather(20, server.port, random);
    for (const talker of talkers) talker.talk();
    for (let round = 1; round <= rounds; round++) {
      const wanted = acknowledgedBy(talkers) + 200 + Math.floor(1_000 * random());
      await until(
        () => acknowledgedBy(talkers) >= wanted,
        () => `${wanted} acknowledgements in round ${round}\n${server.stderr}`,
      );
      await Bun.sleep(10 * random());
      await server.kill();
      await server.start();
    }
    await silence(talkers);
    expect(talkers.every((talker) => talker.returns >= 1)).toBe(true);
    expectPromiseKept(talkers, linesInFile(path));
    await Promise.all(talkers.map((talker) => talker.leave()));
    expect(await server.stop()).toBe(0);
    expectPromiseKept(
      talkers.map((talker) => Object.assign(talker, { ended: undefined })),
      linesInFile(path),
    );
  },
  180_000 + 5_000 * rounds,
);
