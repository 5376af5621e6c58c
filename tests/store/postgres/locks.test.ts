// Batches of several servers, and `parley.reap`, lock rows in one order: none waits for another in
// a circle, which PostgreSQL would notice after a second and end by undoing one of them.

import { beforeEach, describe, expect, test } from "bun:test";
import type { Batch, StoreReply } from "../../../src/chat/turn/store.ts";
import type { Database } from "../../../src/store/postgres/database.ts";
import type { DatabasePort } from "../../../src/store/postgres/database-port.ts";
import { PostgresStore } from "../../../src/store/postgres/store.ts";
import { until } from "../../until.ts";
import { about, mail, run, update } from "../batches.ts";
import { hasPostgres, withoutPostgres } from "./cluster.ts";
import { emptied } from "./emptied.ts";
import { withDatabase } from "./with-database.ts";

if (!hasPostgres) console.error(`skipped: ${withoutPostgres}: the order of locks`);

const noWork = { rooms: [], mail: [], sessions: [] };

/** Somebody who enters that room. */
function entering(room: string): Pick<Batch, "presence"> {
  const rank = { isOperator: false, isVoiced: false };
  return {
    presence: [{ room, changes: [{ folded: "ann", name: "Ann", about, rank, event: undefined }] }],
  };
}

const saying = (...rooms: string[]): Pick<Batch, "rooms"> => ({
  rooms: rooms.map((room) => ({ room, runs: [run(room, ["hello"])] })),
});

const telling = (...sessions: string[]): Pick<Batch, "mail"> => ({
  mail: sessions.map((session) => mail(session, "hello")),
});

const isCommit = (text: string): boolean => text.includes("parley.commit(");
const isTransaction = (text: string): boolean => text === "a transaction";
const isReap = (text: string): boolean => text.includes("parley.reap(");

describe.skipIf(!hasPostgres)("no circle of locks", () => {
  let database: Database;
  /** The statements of the servers, each as often as it was carried out. */
  let ran: string[] = [];
  let numbers = 0;

  withDatabase((opened) => (database = opened));

  /** What is undone because of a circle is carried out again. */
  const observed = (): DatabasePort => ({
    run: (text, values) =>
      database.transact((inside) => {
        ran.push(text);
        return inside(text, values);
      }),
    script: (text) => database.script(text),
    transact: (work) =>
      database.transact((inside) => {
        ran.push("a transaction");
        return work(inside);
      }),
    listen: (...args) => database.listen(...args),
  });

  const open = (): Promise<PostgresStore> => PostgresStore.open(observed());

  async function commit(store: PostgresStore, work: Partial<Batch>): Promise<void> {
    const batch = { ...noWork, ...work, number: ++numbers };
    const reply = await new Promise<StoreReply>((resolve) =>
      store.answer({ type: "commit", batch, id: numbers }, resolve),
    );
    expect(reply).toMatchObject({ outcome: "done" });
  }

  /** Until as many statements wait for locks. */
  const waiting = (count: number): Promise<void> =>
    until(async () => {
      const rows = await database.run(
        `SELECT 1 FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return rows.length === count;
    });

  const session = "SELECT 1 FROM parley.sessions WHERE id = $1 FOR UPDATE";
  const room = "SELECT 1 FROM parley.rooms WHERE name = $1 FOR UPDATE";

  /** While somebody else has locked that row, until `first` and then `second` wait. */
  async function whileLocked(
    lock: string,
    key: string,
    first: () => Promise<unknown>,
    second: () => Promise<unknown>,
  ): Promise<void> {
    let both: Promise<unknown> = Promise.resolve();
    await database.transact(async (inside) => {
      await inside(lock, [key]);
      const one = first();
      await waiting(1);
      both = Promise.all([one, second()]);
      await waiting(2);
    });
    await both;
  }

  beforeEach(async () => {
    await database.script(emptied);
    const store = await open();
    await commit(store, { ...saying("den", "hall"), ...telling("a", "m", "z") });
    ran = [];
  });

  test("between a batch that says something and one that sends somebody in, with letters for one person", async () => {
    const [here, there] = [await open(), await open()];
    await whileLocked(
      session,
      "z",
      () => commit(here, { ...entering("den"), ...telling("a", "z") }),
      () => commit(there, { ...saying("den"), ...telling("a") }),
    );
    expect(ran.filter(isCommit)).toHaveLength(2);
  });

  test("between two that speak in the room that the other one sends somebody into", async () => {
    const [here, there] = [await open(), await open()];
    await whileLocked(
      session,
      "m",
      () => commit(here, { ...saying("hall"), ...entering("den"), ...telling("m") }),
      () => commit(there, { ...saying("den"), ...entering("hall"), ...telling("m") }),
    );
    expect(ran.filter(isCommit)).toHaveLength(2);
  });

  test("between a batch and the end of two servers", async () => {
    const [here, there] = [await open(), await open()];
    const [first, second] = [await open(), await open()];
    await commit(first, { sessions: [update("m", { isHere: true })] });
    await commit(second, entering("den"));
    const ended = [first.serverId, second.serverId].sort();
    // The one that ends first has the session.
    await database.run("UPDATE parley.sessions SET server = $1 WHERE id = 'm'", [ended[0]!]);
    await database.run("UPDATE parley.members SET server = $1", [ended[1]!]);
    await database.run(
      `UPDATE parley.servers SET expires = clock_timestamp() WHERE id IN ($1, $2)`,
      ended,
    );
    ran = [];
    await whileLocked(
      session,
      "a",
      () => commit(here, { ...saying("den"), ...telling("a", "m") }),
      () => there.renew(),
    );
    expect([ran.filter(isCommit).length, ran.filter(isReap).length]).toEqual([1, 1]);
    expect(await database.run("SELECT 1 FROM parley.members")).toEqual([]);
  });

  test("between a batch and a sweep, in whatever order the rooms lie on disk", async () => {
    const rooms = ["hall", "attic", "den"];
    await database.script(emptied);
    const retention = { messages: 1 };
    const [here, there] = [await open(), await PostgresStore.open(observed(), { retention })];
    for (const room of [...rooms, ...rooms]) await commit(here, saying(room));
    ran = [];
    await whileLocked(
      room,
      "den",
      () => commit(here, saying(...rooms)),
      () => there.sweep(),
    );
    expect([ran.filter(isCommit).length, ran.filter(isTransaction).length]).toEqual([1, 1]);
    const swept = await database.run("SELECT first_seq::integer AS first FROM parley.rooms");
    expect(swept).toEqual(rooms.map(() => ({ first: 2 })));
  });
});
