// Connections cut at random bytes, in both directions, while twenty users talk; then the server is
// killed as well.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { CuttingProxy } from "./proxy.ts";
import { FaultyServer, linesInFile } from "./server.ts";
import { acknowledgedBy, chance, expectPromiseKept, gather, silence } from "./talker.ts";
import { testFolder } from "../test-folder.ts";
import { patienceMs, until } from "../until.ts";

const folder = testFolder("fault-cut");
const rounds = Number(process.env["FAULT_ROUNDS"] ?? 6);
const seed = Number(process.env["FAULT_SEED"] ?? Date.now() % 1_000_000);

test(
  `${rounds * 20} cuts under load (FAULT_SEED=${seed})`,
  async () => {
    const random = chance(seed);
    const path = join(folder, "cut.db");
    await using server = new FaultyServer(folder, ["--data", path]);
    await server.start();
    // The cuts range from the middle of the greeting to thousands of lines later.
    using proxy = new CuttingProxy(server.port, () => Math.floor(20 * 10 ** (4 * random())));
    proxy.cutting = false;
    const talkers = await gather(20, proxy.port, random);
    proxy.cutting = true;
    for (const talker of talkers) talker.talk();
    await until(
      () => proxy.cuts >= rounds * 20,
      () => `${rounds * 20} cuts, there were ${proxy.cuts}\n${server.stderr}`,
      patienceMs + 2_000 * rounds,
    );
    proxy.cutting = false;
    // Also those that chance has left alone.
    proxy.cutAll();
    await until(() => talkers.every((talker) => talker.returns >= 1), "everybody's return");
    await silence(talkers);
    expect(server.stderr).not.toContain("internal error");
    expectPromiseKept(talkers, linesInFile(path));
  },
  180_000 + 5_000 * rounds,
);

test(
  `cuts and kills together (FAULT_SEED=${seed})`,
  async () => {
    const random = chance(seed + 1);
    const path = join(folder, "both.db");
    await using server = new FaultyServer(folder, ["--data", path]);
    await server.start();
    using proxy = new CuttingProxy(server.port, () => Math.floor(2_000 * 10 ** (2 * random())));
    proxy.cutting = false;
    const talkers = await gather(20, proxy.port, random);
    proxy.cutting = true;
    for (const talker of talkers) talker.talk();
    for (let round = 0; round < Math.ceil(rounds / 2); round++) {
      const wanted = acknowledgedBy(talkers) + 500;
      await until(
        () => acknowledgedBy(talkers) >= wanted,
        () => `${wanted} acknowledgements\n${server.stderr}`,
      );
      await server.kill();
      await server.start();
    }
    proxy.cutting = false;
    await silence(talkers);
    expectPromiseKept(talkers, linesInFile(path));
  },
  180_000 + 10_000 * rounds,
);

test(
  `cuts without --data: nothing is lost or duplicated while the process lives (FAULT_SEED=${seed})`,
  async () => {
    const random = chance(seed + 2);
    await using server = new FaultyServer(folder, []);
    await server.start();
    using proxy = new CuttingProxy(server.port, () => Math.floor(500 * 10 ** (2 * random())));
    proxy.cutting = false;
    const talkers = await gather(5, proxy.port, random);
    proxy.cutting = true;
    for (const talker of talkers) talker.talk();
    await until(
      () => proxy.cuts >= rounds * 5,
      () => `cuts, there were ${proxy.cuts}`,
      patienceMs + 2_000 * rounds,
    );
    proxy.cutting = false;
    await silence(talkers);
    // No file to compare with: the first user has heard everything.
    const longest = talkers.reduce((a, b) => (a.heard.length >= b.heard.length ? a : b));
    expect(longest.heard[0]?.seq).toBe(1);
    expectPromiseKept(talkers, longest.heard);
  },
  180_000 + 5_000 * rounds,
);
