// A database of an earlier version and an empty one are migrated while several servers start at
// once; a later version is left as it is.

import { beforeAll, describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { Database } from "../../../src/store/postgres/database.ts";
import { parseDatabaseUrl } from "../../../src/store/postgres/database-url.ts";
import { migrate } from "../../../src/store/postgres/migrate.ts";
import { migrations, schemaVersion } from "../../../src/store/postgres/schema.ts";
import { PostgresStore } from "../../../src/store/postgres/store.ts";
import { Cluster, hasPostgres, withoutPostgres } from "./cluster.ts";

if (!hasPostgres) console.error(`skipped: ${withoutPostgres}: migration of its databases`);

/** This version and the next one. */
const next = {
  steps: [...migrations, "ALTER TABLE parley.mail ADD COLUMN note text;"],
  lockMs: 50,
  pauseMs: 50,
  tries: 1_000,
};

const versionOf = (database: Database) =>
  database.run("SELECT value FROM parley.meta WHERE key = 'schema'");

describe.skipIf(!hasPostgres)("a database in PostgreSQL", () => {
  let cluster: Cluster | undefined;
  let url = "";
  let databases: Database[] = [];

  beforeAll(async () => {
    cluster = await Cluster.shared();
  }, 180_000);

  const connect = (): Database => {
    const database = new Database(parseDatabaseUrl(url, "parley"), () => "");
    databases.push(database);
    return database;
  };

  async function inNewDatabase(body: () => Promise<void>) {
    url = await cluster!.newDatabase();
    databases = [];
    await body();
    for (const database of databases) await database.close();
  }

  const startThree = (): Promise<PostgresStore[]> =>
    Promise.all([1, 2, 3].map(() => PostgresStore.open(connect())));

  test("that is empty becomes one of this version, with one epoch", async () => {
    await inNewDatabase(async () => {
      const stores = await startThree();
      expect(new Set(stores.map(({ epoch }) => epoch)).size).toBe(1);
      expect(await versionOf(connect())).toEqual([{ value: String(schemaVersion) }]);
    });
  });

  test("of an earlier version keeps everything when three servers migrate it at once", async () => {
    await inNewDatabase(async () => {
      const [store] = await startThree();
      const database = connect();
      await database.run(`INSERT INTO parley.rights VALUES ('motd/', '"hello"')`);
      const kept =
        "SELECT key, value FROM parley.rights UNION ALL SELECT 'epoch', value FROM parley.meta WHERE key = 'epoch'";
      const before = await database.run(kept);
      expect(before).toContainEqual({ key: "epoch", value: store!.epoch });
      await Promise.all([1, 2, 3].map((i) => migrate(connect(), `e${i}`, next)));
      expect(await database.run(kept)).toEqual(before);
      expect(await database.run("SELECT note FROM parley.mail")).toEqual([]);
      expect(await versionOf(database)).toEqual([{ value: String(schemaVersion + 1) }]);
    });
  });

  test("that a backup is reading is not held up by a migration that waits for the backup", async () => {
    await inNewDatabase(async () => {
      await startThree();
      const backup = new SQL(url, { max: 1 });
      const [begun, copied] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const backingUp = backup.begin(async (tx) => {
        await tx.unsafe("LOCK TABLE parley.mail IN ACCESS SHARE MODE");
        begun.resolve();
        await copied.promise;
      });
      await begun.promise;
      const database = connect();
      const reader = connect();
      const migrating = migrate(database, "e", { ...next, tries: 3 }).catch(
        (error: unknown) => error,
      );
      // Whoever comes after the migration waits only as long as it does.
      for (let i = 0; i < 5; i++) await reader.run("SELECT count(*) FROM parley.mail");
      expect(String(await migrating)).toContain("such as a backup");
      const patient = migrate(database, "e", next);
      copied.resolve();
      await backingUp;
      await patient;
      expect(await versionOf(reader)).toEqual([{ value: String(schemaVersion + 1) }]);
      await backup.close();
    });
  });

  test("that can't store all characters is refused", async () => {
    url = await cluster!.newDatabase(
      "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
    );
    const database = connect();
    await expect(PostgresStore.open(database)).rejects.toThrow("The database is in LATIN1");
    await database.close();
  });

  test("of a later version is refused, and left as it is", async () => {
    await inNewDatabase(async () => {
      const database = connect();
      await migrate(database, "e");
      await database.run("UPDATE parley.meta SET value = '99' WHERE key = 'schema'");
      await expect(PostgresStore.open(database)).rejects.toThrow(
        `The database has tables of version 99, this program knows ${schemaVersion}: use the newer`,
      );
      expect(await database.run("SELECT id FROM parley.servers")).toEqual([]);
    });
  });
});
