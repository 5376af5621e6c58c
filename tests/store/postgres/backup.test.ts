// A backup of a database in use, restored, with the exact commands of docs/cluster.md.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { parseDatabaseUrl } from "../../../src/store/postgres/database-url.ts";
import { Database } from "../../../src/store/postgres/database.ts";
import { PostgresStore } from "../../../src/store/postgres/store.ts";
import { docsBlock } from "../../docs-blocks.ts";
import { testFolder } from "../../test-folder.ts";
import { AskedStore, AskedWriter } from "../asked-store.ts";
import { Cluster, hasPostgres, postgresPrograms, withoutPostgres } from "./cluster.ts";

const dump = join(testFolder("dump"), "parley.dump");

if (!hasPostgres) console.error(`skipped: ${withoutPostgres}: backups of the database`);

describe.skipIf(!hasPostgres)("a backup of a database", () => {
  let url = "";
  let database: Database;

  beforeAll(async () => {
    url = await (await Cluster.shared()).newDatabase();
    database = new Database(parseDatabaseUrl(url, "parley"), () => "");
  }, 180_000);

  afterAll(async () => await database.close(), 180_000);

  /** Carries out the documented commands. */
  async function carryOut(heading: string): Promise<void> {
    const { hostname, port, pathname } = new URL(url);
    const lines = docsBlock("cluster.md", heading)
      .replaceAll("-d parley", `-d ${pathname.slice(1)}`)
      .replaceAll("parley.dump", dump);
    const PATH = `${postgresPrograms}:${process.env["PATH"]}`;
    const env = { ...process.env, PATH, PGHOST: hostname, PGPORT: port, PGUSER: "parley" };
    const child = Bun.spawn(["sh", "-ec", lines], { env, stderr: "pipe" });
    const told = await new Response(child.stderr).text();
    expect({ code: await child.exited, told }).toMatchObject({ code: 0 });
  }

  async function start(): Promise<{ store: PostgresStore; writer: AskedWriter }> {
    const store = await PostgresStore.open(database);
    const asked = new AskedStore({
      epoch: store.epoch,
      answer: store.answer,
      rights: () => store.rights(),
      setInUse() {},
      sweep: () => store.sweep(),
      close: () => store.leave(),
    });
    return { store, writer: new AskedWriter(asked) };
  }

  test("is complete again after the restore, and its log has another epoch", async () => {
    const before = await start();
    expect(await before.writer.say("lobby")).toBe(1);
    await carryOut("Backup");
    expect(await before.writer.say("lobby")).toBe(2);
    await carryOut("Restore");
    const after = await start();
    expect(after.store.epoch).not.toBe(before.store.epoch);
    expect(after.store.epoch.length).toBeLessThanOrEqual(32);
    expect(await after.writer.say("lobby")).toBe(2);
    await after.store.leave();
  });
});
