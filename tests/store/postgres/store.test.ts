// The store in PostgreSQL: the contracts of all stores, and the clocks of several servers.

import { describe, expect, test } from "bun:test";
import type { StoreReply } from "../../../src/chat/turn/store.ts";
import { protocol } from "../../../src/limits.ts";
import type { DatabasePort } from "../../../src/store/postgres/database-port.ts";
import {
  type Database,
  DatabaseAway,
  LockedOut,
  Refused,
} from "../../../src/store/postgres/database.ts";
import { type PostgresOptions, PostgresStore } from "../../../src/store/postgres/store.ts";
import { accountsContract } from "../accounts.contract.ts";
import { AskedStore, AskedWriter, type StoreBackend } from "../asked-store.ts";
import { mail, run, update } from "../batches.ts";
import { storeContract } from "../store.contract.ts";
import { hasPostgres, withoutPostgres } from "./cluster.ts";
import { emptied } from "./emptied.ts";
import { withDatabase } from "./with-database.ts";

let database: Database;

async function open(options: PostgresOptions): Promise<StoreBackend> {
  await database.script(emptied);
  return backendOf(await PostgresStore.open(database, options));
}

function backendOf(store: PostgresStore): StoreBackend {
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
async function say(store: PostgresStore, number: number): Promise<StoreReply> {
  const batch = {
    number,
    rooms: [{ room: "lobby", runs: [run("lobby", ["hello"])] }],
    mail: [],
    sessions: [],
  };
  return await new Promise((said) => store.answer({ id: number, type: "commit", batch }, said));
}

const nothing = (): void => {};

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
    (retention, clock) => open({ retention, clock, systemMs: clock, hubMs: clock }),
    async (body) => {
      await database.run(`CREATE FUNCTION parley.spoil() RETURNS trigger LANGUAGE plpgsql
      AS $$ BEGIN RAISE EXCEPTION 'it can''t be written'; END $$`);
      await database.run(`CREATE TRIGGER spoil AFTER INSERT ON parley.mail
      FOR EACH ROW EXECUTE FUNCTION parley.spoil()`);
      await body();
      await database.run("DROP FUNCTION parley.spoil CASCADE");
    },
    protocol.toldBeforeErasure,
  );
  accountsContract("postgres", () => open({}));

  test("what is committed counts as such if a full mailbox can't be trimmed", async () => {
    const asked = new AskedStore(await open({ retention: { mailMessages: 1 } }));
    const writer = new AskedWriter(asked);
    await database.run(`CREATE FUNCTION parley.spoil() RETURNS trigger LANGUAGE plpgsql
      AS $$ BEGIN RAISE EXCEPTION 'it can''t be deleted'; END $$`);
    await database.run(`CREATE TRIGGER spoil BEFORE DELETE ON parley.mail
      FOR EACH ROW EXECUTE FUNCTION parley.spoil()`);
    for (const number of [1, 2, 3]) {
      expect((await writer.commit({ mail: [mail("bob", `text ${number}`)] })).mail).toEqual([
        number,
      ]);
    }
    await database.run("DROP FUNCTION parley.spoil CASCADE");
    expect((await writer.commit({ mail: [mail("bob", "text 4")] })).mail).toEqual([4]);
    const kept = await asked.mailboxes.after("bob", 0, 9);
    expect(kept.map(({ text }) => text)).toEqual(["text 4"]);
  });

  test("nor does anybody wait until it can be trimmed, as long as something holds it", async () => {
    await database.script(emptied);
    const port: DatabasePort = {
      run: async (text, values) => {
        if (text.includes("DELETE FROM parley.mail")) throw new LockedOut("lock timeout");
        return await database.run(text, values);
      },
      script: (text) => database.script(text),
      transact: (work) => database.transact(work),
      listen: (...about) => database.listen(...about),
    };
    const store = await PostgresStore.open(port, { retention: { mailMessages: 1 } });
    const writer = new AskedWriter(new AskedStore(backendOf(store)));
    for (const number of [1, 2, 3]) {
      expect((await writer.commit({ mail: [mail("bob", "text")] })).mail).toEqual([number]);
    }
  });

  test("a server that was stopped holds no place for its key, although its people may return", async () => {
    await database.script(emptied);
    const server = await PostgresStore.open(database, { pin: "one" });
    const next = () => PostgresStore.open(database, { pin: "two" });
    await expect(next()).rejects.toThrow("have another key (one)");
    const twin = await PostgresStore.open(database, { pin: "one" });
    await server.leave();
    await expect(next()).rejects.toThrow("have another key (one)");
    await twin.leave();
    await (await next()).leave();
    const alive = "SELECT 1 FROM parley.servers WHERE NOT is_over AND expires > clock_timestamp()";
    expect(await database.run(alive)).toHaveLength(3);
  });

  test("the other servers learn where a server is, though the database did not answer when it said so", async () => {
    await database.script(emptied);
    const port: DatabasePort = {
      run: async (text, values) => {
        if (text.includes("SET address")) throw new DatabaseAway("cut");
        return await database.run(text, values);
      },
      script: (text) => database.script(text),
      transact: (work) => database.transact(work),
      listen: (...about) => database.listen(...about),
    };
    const store = await PostgresStore.open(port);
    await expect(store.setAddress("192.0.2.1:55000")).rejects.toThrow("cut");
    await store.renew();
    const told = await database.run("SELECT address FROM parley.servers");
    expect(told).toEqual([{ address: "192.0.2.1:55000" }]);
    await store.leave();
  });

  test("messages that are damaged in the database are refused, and nothing else", async () => {
    await database.script(emptied);
    const store = await PostgresStore.open(database);
    await new AskedWriter(new AskedStore(backendOf(store))).commit({ mail: [mail("bob", "psst")] });
    await say(store, 2);
    await database.run("UPDATE parley.batches SET runs = '[{'");
    await database.run("UPDATE parley.mail SET message = '{'");
    const room = { type: "read-room", room: "lobby", after: 0, limit: 9, id: 1 } as const;
    const letters = { type: "read-mail", session: "bob", after: 0, limit: 9, id: 2 } as const;
    for (const read of [room, letters]) {
      const reply = await new Promise<StoreReply>((done) => store.answer(read, done));
      expect(reply).toMatchObject({
        outcome: "failed",
        error: { code: "storage", message: expect.stringContaining("is damaged") },
      });
    }
  });

  test("a commit after which others' messages can't be read is asked for again", async () => {
    await database.script(emptied);
    const store = await PostgresStore.open(database);
    let left = 1;
    store.follower = {
      committing: nothing,
      beforeSettled: async () => {
        if (left-- > 0) throw new Refused("canceling statement due to user request", "57014");
      },
      settled: nothing,
      afterSettled: nothing,
      isOpen: () => false,
      reach: async () => {},
      outdated: nothing,
      fenced: nothing,
      rightsStored: nothing,
    };
    const outcomes = [(await say(store, 1)).outcome, (await say(store, 1)).outcome];
    expect([outcomes, await said()]).toEqual([["unknown", "done"], 1]);
  });

  test("who is refused because of somebody's session is not told whose it is", async () => {
    await database.script(emptied);
    const store = await PostgresStore.open(database);
    const commit = (number: number, claim: number) => {
      const sessions = [update("their-session", { n: number, before: number - 1, claim })];
      const batch = { number, rooms: [], mail: [], sessions };
      return new Promise<StoreReply>((done) =>
        store.answer({ id: number, type: "commit", batch }, done),
      );
    };
    expect(await commit(1, 2)).toMatchObject({ outcome: "done" });
    expect(await commit(2, 1)).toMatchObject({
      outcome: "failed",
      error: {
        code: "storage",
        message:
          "The database has refused this: somebody who spoke in the same moment is at another server now",
      },
    });
    await store.leave();
  });

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

    /** As long as a hub reserves the names of absent people. */
    const holdMs = 300_000;
    /** Time that has passed for everybody. */
    let passedMs = 0;

    async function serverWith(wrongMs: number) {
      const hubMs = (): number => 1_800_000_000_000 + wrongMs + passedMs;
      const store = await PostgresStore.open(database, { clock: hubMs, systemMs: hubMs, hubMs });
      const asked = new AskedStore(backendOf(store));
      /** Whether nobody else may have it. */
      const holds = async (name: string): Promise<boolean> =>
        (await asked.sessions.find(name, hubMs() - holdMs)) !== undefined;
      return { store, asked, writer: new AskedWriter(asked), hubMs, holds };
    }

    const clockWords = [
      ["40 days ahead", 40 * dayMs],
      ["a day behind", -dayMs],
      ["two hours ahead", dayMs / 12],
    ] as const;

    test.each(clockWords)("names are reserved for as long, one is %s", async (_, wrongMs) => {
      await database.script(emptied);
      const all = [await serverWith(0), await serverWith(wrongMs)];
      const pass = async (ms: number): Promise<void> => {
        for (let i = 0; i < 8; i++) {
          passedMs += ms / 8;
          for (const { store } of all) await store.renew();
        }
      };
      for (const [i, { writer, hubMs }] of all.entries()) {
        const { holds } = all[1 - i]!;
        const name = `ann${i}`;
        await writer.commit({ sessions: [update(`r${i}`, { name, seenMs: hubMs() })] });
        expect(await holds(name)).toBe(true);
        await pass(holdMs * 0.9);
        expect(await holds(name)).toBe(true);
        await pass(holdMs * 0.2);
        expect(await holds(name)).toBe(false);
      }
      for (const { store } of all) await store.leave();
    });

    test.each(clockWords)("a name is still reserved if it starts again, %s", async (_, wrongMs) => {
      await database.script(emptied);
      const { store, writer, hubMs } = await serverWith(0);
      passedMs += holdMs;
      await store.renew();
      await writer.commit({ sessions: [update("r", { name: "ann", seenMs: hubMs() })] });
      await store.leave();
      const next = await serverWith(wrongMs);
      const found = await next.asked.sessions.find("ann", next.hubMs() - holdMs);
      expect(found?.id).toBe("r");
      // The hub computes from it how long the name is still reserved.
      expect(Math.abs(next.hubMs() - (found?.seenMs ?? 0))).toBeLessThan(1_000);
      await next.store.leave();
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
