// The store in PostgreSQL: the contracts of all stores.

import { afterAll, beforeAll, describe } from "bun:test";
import { Database } from "../../../src/store/postgres/database.ts";
import { parseDatabaseUrl } from "../../../src/store/postgres/database-url.ts";
import { type PostgresOptions, PostgresStore } from "../../../src/store/postgres/store.ts";
import { accountsContract } from "../accounts.contract.ts";
import type { StoreBackend } from "../asked-store.ts";
import { storeContract } from "../store.contract.ts";
import { Cluster, hasPostgres, withoutPostgres } from "./cluster.ts";

let cluster: Cluster | undefined;
let database: Database;

/** Emptying tables is faster than creating a database. */
const emptied = `
  TRUNCATE parley.servers, parley.rooms, parley.batches, parley.sessions, parley.mail, parley.rights,
    parley.accounts, parley.account_keys, parley.account_tokens, parley.names, parley.members,
    parley.signals, parley.people, parley.device_codes, parley.claimed
    RESTART IDENTITY;
  DELETE FROM parley.meta WHERE key NOT IN ('schema', 'epoch');`;

async function open(options: PostgresOptions): Promise<StoreBackend> {
  await database.script(emptied);
  const store = await PostgresStore.open(database, options);
  return {
    epoch: store.epoch,
    answer: store.answer,
    rights: () => store.rights(),
    async setInUse(rooms) {
      for (const room of rooms) {
        await database.run(
          "INSERT INTO parley.members (room, folded, server, name) VALUES ($1, 'ann', $2, 'Ann')",
          [room, store.serverId],
        );
      }
    },
    sweep: () => store.sweep(),
    close: () => store.leave(),
  };
}

if (!hasPostgres) console.error(`skipped: ${withoutPostgres}: the store in PostgreSQL`);

describe.skipIf(!hasPostgres)("PostgreSQL", () => {
  beforeAll(async () => {
    cluster = await Cluster.start();
    const url = parseDatabaseUrl(await cluster.newDatabase(), "parley");
    database = new Database(url, () => "");
    await (await PostgresStore.open(database)).leave();
  }, 60_000);

  afterAll(async () => {
    await database.close().catch(() => {});
    await cluster?.remove();
  }, 60_000);

  storeContract(
    "postgres",
    (retention, clock) => open({ retention, clock }),
    async (body) => {
      await database.run(`CREATE FUNCTION parley.spoil() RETURNS trigger LANGUAGE plpgsql
      AS $$ BEGIN RAISE EXCEPTION 'it can''t be written'; END $$`);
      await database.run(`CREATE TRIGGER spoil AFTER INSERT ON parley.mail
      FOR EACH ROW EXECUTE FUNCTION parley.spoil()`);
      await body();
      await database.run("DROP FUNCTION parley.spoil CASCADE");
    },
  );
  accountsContract("postgres", () => open({}));
});
