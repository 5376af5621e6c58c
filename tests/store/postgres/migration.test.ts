// Databases of earlier versions, written by the programs of that time, and an empty one are
// migrated while several servers start at once; a later version is left as it is.

import { beforeAll, describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { StoreOperation } from "../../../src/chat/turn/store.ts";
import { deletedText } from "../../../src/protocol/messages.ts";
import { Database } from "../../../src/store/postgres/database.ts";
import { parseDatabaseUrl } from "../../../src/store/postgres/database-url.ts";
import { migrate } from "../../../src/store/postgres/migrate.ts";
import { schemaVersion } from "../../../src/store/postgres/schema.ts";
import { PostgresStore } from "../../../src/store/postgres/store.ts";
import { mail, run } from "../batches.ts";
import { Cluster, hasPostgres, withoutPostgres } from "./cluster.ts";

if (!hasPostgres) console.error(`skipped: ${withoutPostgres}: migration of its databases`);

/** What people have of a database; the statements fit every version. */
async function contents(database: Database) {
  const read = (text: string) => database.run(text);
  return {
    chat: await read("SELECT room, seq, sender, text FROM parley.chat ORDER BY room, seq"),
    mail: await read(
      "SELECT session, mail, network, sender, message FROM parley.mail ORDER BY session, mail",
    ),
    sessions: await read("SELECT id, name, n, mail, seen_ms FROM parley.sessions ORDER BY id"),
    accounts: await read("SELECT id, name, folded, password FROM parley.accounts ORDER BY id"),
    keys: await read(
      "SELECT account, key, label, revoked_ms FROM parley.account_keys ORDER BY key",
    ),
    rights: await read("SELECT key, value FROM parley.rights ORDER BY key"),
    epoch: await read("SELECT value FROM parley.meta WHERE key = 'epoch'"),
  };
}

/** A server of an earlier version, which still runs, commits a message and mail. */
async function commitAsEarlier(database: Database, version: number, session: string) {
  const letters = [
    { session, network: "@a", timeMs: 5, sender: "Old", message: { to: ["Cal"], text: "still" } },
  ];
  const rows = [{ count: 1, timeMs: 5, runs: [{ at: 0, from: "Old", texts: ["still here"] }] }];
  const there = [{ room: "lobby", changes: [{ folded: "old", name: "Old" }] }];
  const more = version === 1 ? "" : ", '[]', '[]'";
  await database.run(
    `INSERT INTO parley.servers (id, pin, expires)
     VALUES ('old', '', clock_timestamp() + interval '1 hour')`,
  );
  const [row] = await database.run(
    `SELECT parley.commit('old', 1, 10000, 5, 1000, $1::text::json, $2::text::json, '[]',
       $3::text::json, '[]'${more})::json AS reply`,
    [
      JSON.stringify([{ room: "lobby", count: 1, timeMs: 5, rows }]),
      JSON.stringify(there),
      JSON.stringify(letters),
    ],
  );
  return row?.["reply"];
}

const ask = async (store: PostgresStore, operation: StoreOperation): Promise<unknown> => {
  const request = { ...operation, id: 1 };
  const { promise, resolve } = Promise.withResolvers<unknown>();
  store.answer(request, (reply) => resolve("result" in reply ? reply.result : reply));
  return await promise;
};

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

  /** In a new database, with the content of a fixture. */
  async function inDatabase(fixture: string | undefined, body: () => Promise<void>) {
    url = await cluster!.newDatabase();
    await using sql = new SQL(url, { max: 1 });
    if (fixture !== undefined) {
      const path = join(import.meta.dir, "../fixtures", fixture);
      await sql.unsafe(readFileSync(path, "utf8")).simple();
    }
    databases = [];
    await body();
    for (const database of databases) await database.close();
  }

  const startThree = (): Promise<PostgresStore[]> =>
    Promise.all([1, 2, 3].map(() => PostgresStore.open(connect())));

  test.each([1, 10])("of version %d keeps everything when three servers start", async (version) => {
    await inDatabase(`postgres-${version}.sql`, async () => {
      const database = connect();
      const before = await contents(database);
      expect(before.chat).toHaveLength(44);
      expect(before.mail).toHaveLength(4);
      expect([before.accounts.length, before.keys.length]).toEqual([2, 2]);
      const stores = await startThree();
      expect(await contents(database)).toEqual(before);
      const [east, west] = stores as [PostgresStore, PostgresStore];

      // The new program reads all of it as well.
      const said = await ask(east, { type: "read-room", room: "lobby", after: 0, limit: 99 });
      expect(said).toMatchObject(
        before.chat.flatMap(({ room, seq, sender: from, text }) =>
          room === "lobby" ? [{ seq: Number(seq), from, text }] : [],
        ),
      );
      const cal = before.sessions.find(({ name }) => name === "cal");
      const session = String(cal?.["id"]);
      expect(await ask(west, { type: "load-session", session })).toMatchObject({ n: 3, mail: 3 });
      expect(await ask(west, { type: "read-mail", session, after: 0, limit: 9 })).toMatchObject([
        { mail: 1, from: "Ann", to: ["Cal"], text: "mail one" },
        { mail: 2, from: "Ann", to: ["Cal"], text: 'mail "two" \\' },
        { mail: 3, from: "Ann", to: ["Cal"], text: "drei 😀" },
      ]);
      expect(await ask(west, { type: "list-mail", session })).toMatchObject([
        { mail: 1, name: "Ann" },
        { mail: 2, name: "Ann" },
        { mail: 3, name: "Ann" },
      ]);
      const lookup = { name: "ann" };
      expect(await ask(east, { type: "find-account", lookup })).toMatchObject({
        name: "Ann",
        keys: [{ label: "desk", revokedMs: undefined }],
      });
      expect((await east.rights()).length).toBe(before.rights.length);
      expect(await ask(east, { type: "erase-message", room: "lobby", seq: 2 })).toBe(true);
      const bounds = { type: "room-bounds", room: "lobby", since: 41 } as const;
      expect(await ask(west, bounds)).toMatchObject({ last: 41, erased: [2] });
      const deleted = "SELECT text FROM parley.chat WHERE deleted";
      expect(await database.run(deleted)).toEqual([{ text: deletedText }]);

      // Servers of that time have ended: names that they held are free, and numbers go on.
      await east.renew();
      const claim = { name: "ann", holder: "somebody" };
      expect(await ask(east, { type: "claim-name", claim })).toMatchObject({ isFree: true });
      const batch = {
        number: 1,
        rooms: [{ room: "lobby", runs: [run("lobby", ["on"])] }],
        mail: [mail(session, "psst")],
        sessions: [],
      };
      expect(await ask(west, { type: "commit", batch })).toMatchObject({ rooms: [42], mail: [4] });
      expect(await commitAsEarlier(database, version, session)).toMatchObject({
        rooms: [43],
        mail: [5],
      });
      expect(await ask(east, { type: "read-mail", session, after: 4, limit: 9 })).toMatchObject([
        { mail: 5, from: "Old", text: "still" },
      ]);
    });
  });

  test("that is empty becomes one of this version, with one epoch", async () => {
    await inDatabase(undefined, async () => {
      const stores = await startThree();
      expect(new Set(stores.map(({ epoch }) => epoch)).size).toBe(1);
      const [row] = await connect().run("SELECT value FROM parley.meta WHERE key = 'schema'");
      expect(row).toEqual({ value: String(schemaVersion) });
    });
  });

  test("that a backup is reading is not held up by a migration that waits for the backup", async () => {
    await inDatabase("postgres-10.sql", async () => {
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
      const pace = { lockMs: 50, pauseMs: 50, tries: 3 };
      const migrating = migrate(database, "e", pace).catch((error: unknown) => error);
      // Whoever comes after the migration waits only as long as it does.
      for (let i = 0; i < 5; i++) await reader.run("SELECT count(*) FROM parley.mail");
      expect(String(await migrating)).toContain("such as a backup");
      const patient = migrate(database, "e", { ...pace, tries: 1_000 });
      copied.resolve();
      await backingUp;
      await patient;
      expect(await reader.run("SELECT value FROM parley.meta WHERE key = 'schema'")).toEqual([
        { value: String(schemaVersion) },
      ]);
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

  test("whose transactions do not see what others have committed meanwhile is refused", async () => {
    await inDatabase(undefined, async () => {
      const database = connect();
      const set = (what: string) =>
        database.run(`ALTER DATABASE ${new URL(url).pathname.slice(1)} ${what}`);
      await set("SET default_transaction_isolation = 'repeatable read'");
      const next = connect();
      await expect(PostgresStore.open(next)).rejects.toThrow("same name");
      await set("RESET default_transaction_isolation");
      await (await PostgresStore.open(connect())).leave();
    });
  });

  test("of a later version is refused, and left as it is", async () => {
    await inDatabase("postgres-10.sql", async () => {
      const database = connect();
      await database.run("UPDATE parley.meta SET value = '99' WHERE key = 'schema'");
      await expect(PostgresStore.open(database)).rejects.toThrow(
        `The database has tables of version 99, this program knows ${schemaVersion}: use the newer`,
      );
      expect(await database.run("SELECT id FROM parley.servers")).toEqual([]);
    });
  });
});
