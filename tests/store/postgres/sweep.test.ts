// What a sweep of the database deletes while servers write to it.

import { beforeEach, describe, expect, test } from "bun:test";
import type { Batch, Committed } from "../../../src/chat/turn/store.ts";
import type { DatabasePort } from "../../../src/store/postgres/database-port.ts";
import type { Database } from "../../../src/store/postgres/database.ts";
import { PostgresStore } from "../../../src/store/postgres/store.ts";
import { until } from "../../until.ts";
import { about, mail, run, update } from "../batches.ts";
import { hasPostgres, withoutPostgres } from "./cluster.ts";
import { emptied } from "./emptied.ts";
import { withDatabase } from "./with-database.ts";

if (!hasPostgres) console.error(`skipped: ${withoutPostgres}: sweeps of the database`);

const noWork = { rooms: [], mail: [], sessions: [] };

function saying(room: string): Pick<Batch, "rooms"> {
  return { rooms: [{ room, runs: [run(room, ["hello"])] }] };
}

/** Somebody who enters that room. */
function entering(room: string): Pick<Batch, "presence"> {
  const rank = { isOperator: false, isVoiced: false };
  return {
    presence: [{ room, changes: [{ folded: "ann", name: "Ann", about, rank, event: undefined }] }],
  };
}

describe.skipIf(!hasPostgres)("a sweep of the database", () => {
  let database: Database;
  let numbers = 0;

  withDatabase((opened) => (database = opened));

  beforeEach(() => database.script(emptied));

  async function commit(store: PostgresStore, work: Partial<Batch>): Promise<Committed> {
    const batch = { ...noWork, ...work, number: ++numbers };
    return await new Promise((resolve, reject) =>
      store.answer({ type: "commit", batch, id: numbers }, (reply) => {
        if (reply.outcome === "done" && reply.type === "commit") resolve(reply.result);
        else reject(new Error(JSON.stringify(reply)));
      }),
    );
  }

  /** How many rows of batches a sweep reads. */
  async function readBySweep(): Promise<number> {
    const read: number[] = [];
    const counted: DatabasePort = {
      run: database.run,
      script: (text) => database.script(text),
      listen: (...about) => database.listen(...about),
      transact: (work) =>
        database.transact(async (inside) => {
          const result = await work(inside);
          const [row] = await inside<{ rows: string }>(
            `SELECT (seq_tup_read + idx_tup_fetch)::text AS rows FROM pg_stat_xact_user_tables
             WHERE schemaname = 'parley' AND relname = 'batches'`,
          );
          read.push(Number(row?.rows));
          return result;
        }),
    };
    const store = await PostgresStore.open(counted);
    await store.sweep();
    return read.at(-1) ?? 0;
  }

  test("does not read everything that is kept", async () => {
    const store = await PostgresStore.open(database);
    await commit(store, saying("den"));
    await database.run(
      `INSERT INTO parley.batches SELECT room, number, 1, time_ms, clock_ms, runs
       FROM parley.batches, generate_series(2, 5000) AS number`,
    );
    await database.run("UPDATE parley.rooms SET last_seq = 5000");
    expect(await readBySweep()).toBeLessThan(10);
  });

  /** Until as many statements wait for locks. */
  const waiting = (count: number): Promise<void> =>
    until(async () => {
      const rows = await database.run(
        `SELECT 1 FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return rows.length === count;
    });

  /** Carries that out while a sweep is about to drop the room. */
  async function whileDropping(room: string, work: Partial<Batch>): Promise<PostgresStore> {
    const store = await PostgresStore.open(database);
    await commit(store, saying(room));
    const sweeper = await PostgresStore.open(database, { retention: { rooms: 0 } });
    let both: Promise<unknown> = Promise.resolve();
    await database.transact(async (inside) => {
      await inside("SELECT 1 FROM parley.rooms WHERE name = $1 FOR UPDATE", [room]);
      const committing = commit(store, work);
      await waiting(1);
      both = Promise.all([committing, sweeper.sweep()]);
      await waiting(2);
    });
    await both;
    return store;
  }

  test.each([
    ["speaks", saying("den")],
    ["enters and speaks", { ...saying("den"), ...entering("den") }],
  ])("spares a room in which somebody %s at that moment", async (_, work) => {
    const store = await whileDropping("den", work);
    const said = await database.run("SELECT seq::integer FROM parley.chat ORDER BY seq");
    expect(said).toEqual([{ seq: 1 }, { seq: 2 }]);
    expect((await commit(store, saying("den"))).rooms).toEqual([3]);
  });

  test("spares a session, with its mail, that is resumed at that moment", async () => {
    const store = await PostgresStore.open(database);
    await commit(store, { sessions: [update("s")], mail: [mail("s", "hello")] });
    await database.run("UPDATE parley.sessions SET clock_ms = 0");
    const claim = { name: "ann", holder: "s" };
    const resume = () =>
      new Promise((resolve) =>
        store.answer({ type: "claim-name", claim, session: "s", id: 1 }, resolve),
      );
    let both: Promise<unknown> = Promise.resolve();
    await database.transact(async (inside) => {
      await inside("SELECT 1 FROM parley.sessions WHERE id = 's' FOR UPDATE");
      const resumed = resume();
      await waiting(1);
      both = Promise.all([resumed, store.sweep()]);
      await waiting(2);
    });
    await both;
    const kept = await database.run(
      `SELECT s.mail::integer AS last, count(m.mail)::integer AS letters
       FROM parley.sessions s JOIN parley.mail m ON m.session = s.id GROUP BY s.mail`,
    );
    expect(kept).toEqual([{ last: 1, letters: 1 }]);
  });
});
