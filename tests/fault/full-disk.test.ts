// The disk fills up while users talk: a clear error, nothing acknowledged is lost, and the
// conversation continues once there is space.

import { afterAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { skipUnless } from "../skip.ts";
import { FaultyServer, linesInFile } from "./server.ts";
import {
  acknowledgedBy,
  chance,
  expectPromiseKept,
  gather,
  silence,
  type Talker,
} from "./talker.ts";
import { testFolder } from "../test-folder.ts";
import { until } from "../until.ts";

const folder = testFolder("fault-disk");
const disk = join(folder, "disk");
mkdirSync(disk);
// Room for the log of writes (WAL), which SQLite lets grow to 4 MB before it empties it: on 3 MB a
// fast machine filled the disk with messages alone, and waited for space that nobody would free.
const mounted =
  process.getuid?.() === 0 &&
  spawnSync("mount", ["-t", "tmpfs", "-o", "size=12m", "tmpfs", disk]).status === 0;
afterAll(() => {
  if (mounted) spawnSync("umount", [disk]);
});

/**
 * Waits until nothing has been acknowledged for twenty checks in a row, although everyone talks.
 */
async function standstill(talkers: readonly Talker[]): Promise<void> {
  let last = -1;
  let looks = 0;
  const stands = () => {
    const now = acknowledgedBy(talkers);
    looks = now === last ? looks + 1 : 0;
    last = now;
    return looks === 20;
  };
  await until(stands, () => `talk to stop; ${last} messages are acknowledged`);
}

const diskTest = skipUnless(mounted, "a full disk needs root, mount(8) and tmpfs");

diskTest(
  "a full disk loses nothing acknowledged, says so, and talk goes on with space",
  async () => {
    const path = join(disk, "chat.db");
    await using server = new FaultyServer(folder, ["--data", path]);
    await server.start();
    const talkers = await gather(20, server.port, chance(1));
    for (const talker of talkers) talker.talk();
    await until(
      () => acknowledgedBy(talkers) > 500,
      () => "talk to begin",
    );
    writeFileSync(join(disk, "ballast"), "");
    spawnSync("sh", ["-c", `cat /dev/zero > ${disk}/ballast`]);
    // Messages stop, but nobody is disconnected: refused messages are kept and resent.
    await until(
      () => server.stderr.includes("disk"),
      () => `a word about the disk; stderr:\n${server.stderr}`,
    );
    await standstill(talkers);
    expect(server.stderr).toContain("chat.db");
    expect(talkers.map(({ ended }) => ended)).toEqual(talkers.map(() => undefined));

    rmSync(join(disk, "ballast"));
    const full = acknowledgedBy(talkers);
    await until(
      () => acknowledgedBy(talkers) > full + 500,
      () => `talk to go on\n${server.stderr}`,
    );
    await silence(talkers);
    expectPromiseKept(talkers, linesInFile(path));

    // The disk is full again, and the server is killed in that state.
    for (const talker of talkers) talker.talk();
    spawnSync("sh", ["-c", `cat /dev/zero > ${disk}/ballast`]);
    await standstill(talkers);
    await server.kill();
    rmSync(join(disk, "ballast"));
    await server.start();
    await silence(talkers);
    expectPromiseKept(talkers, linesInFile(path));
  },
  180_000,
);

test("an unusable data file ends the start with an error message", async () => {
  const path = join(folder, "letter.db");
  writeFileSync(path, "Dear Bob, this is not a database.");
  const server = new FaultyServer(folder, ["--data", path]);
  expect(server.start()).rejects.toThrow("is not an SQLite file");
  await server.kill();
});
