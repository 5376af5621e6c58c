// The store in PostgreSQL: the contracts of all stores, and the clocks of several servers.

import { describe, expect, test } from "bun:test";
import type { Database } from "../../../src/store/postgres/database.ts";
import { type PostgresOptions, PostgresStore } from "../../../src/store/postgres/store.ts";
import { accountsContract } from "../accounts.contract.ts";
import type { StoreBackend } from "../asked-store.ts";
import { run } from "../batches.ts";
import { storeContract } from "../store.contract.ts";
import { hasPostgres, withoutPostgres } from "./cluster.ts";
import { withDatabase } from "./with-database.ts";

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

/** Says one thing in the lobby. */
async function say(store: PostgresStore, number: number): Promise<void> {
  const batch = {
    number,
    rooms: [{ room: "lobby", runs: [run("lobby", ["hello"])] }],
    mail: [],
    sessions: [],
  };
  await new Promise((said) => store.answer({ id: number, type: "commit", batch }, said));
}

/** How many messages are kept. */
async function said(): Promise<number> {
  const [row] = await database.run<{ count: number | string }>(
    "SELECT count(*) AS count FROM parley.chat",
  );
  return Number(row?.count);
}

if (!hasPostgres) console.error(`skipped: ${withoutPostgres}: the store in PostgreSQL`);

describe.skipIf(!hasPostgres)("PostgreSQL", () => {
  withDatabase((opened) => (database = opened));

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

  describe("of several servers whose clocks differ", () => {
    const dayMs = 24 * 3_600_000;
    const wrongBy = [
      ["40 days ahead", 40 * dayMs],
      ["decades behind", -20_000 * dayMs],
    ] as const;

    test.each(wrongBy)("none deletes what another has written, one is %s", async (_, byMs) => {
      for (const isWrongFirst of [true, false]) {
        await database.script(emptied);
        const clocks = [{ systemMs: () => Date.now() + byMs }, {}];
        if (!isWrongFirst) clocks.reverse();
        const stores: PostgresStore[] = [];
        for (const clock of clocks) stores.push(await PostgresStore.open(database, clock));
        for (const store of stores) await say(store, 1);
        for (const store of stores) await store.sweep();
        expect(await said()).toBe(2);
        for (const store of stores) await store.leave();
      }
    });

    test("none deletes what is younger than half of the retention, one runs at twice the pace", async () => {
      await database.script(emptied);
      let day = 0;
      const [fast, right] = [
        await PostgresStore.open(database, { clock: () => 1e12 + 2 * day * dayMs }),
        await PostgresStore.open(database, { clock: () => 1e12 + day * dayMs }),
      ];
      for (; day < 100; day++) {
        await say(right, day + 1);
        await fast.sweep();
        await right.sweep();
        expect(await said()).toBeGreaterThanOrEqual(Math.min(day + 1, 14));
      }
      expect(await said()).toBeLessThan(20);
      for (const store of [fast, right]) await store.leave();
    });
  });
});
