// The directory of users, and signals between servers, as seen by two servers of one database.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { AccountChange } from "../../../src/chat/accounts/account-store.ts";
import type { ForeignEvent } from "../../../src/chat/elsewhere/foreign-events.ts";
import type { HubSignal } from "../../../src/chat/elsewhere/hub-signal.ts";
import type { Batch, StoreOperation, StoreReply } from "../../../src/chat/turn/store.ts";
import { postgres as limits } from "../../../src/limits.ts";
import { Database } from "../../../src/store/postgres/database.ts";
import { parseDatabaseUrl } from "../../../src/store/postgres/database-url.ts";
import { Feed } from "../../../src/store/postgres/feed.ts";
import { PostgresStore } from "../../../src/store/postgres/store.ts";
import { Cluster, hasPostgres, withoutPostgres } from "./cluster.ts";
import { hubStub } from "./hub-stub.ts";

if (!hasPostgres) console.error(`skipped: ${withoutPostgres}: the directory in PostgreSQL`);

const persona = { user: "u", host: "h.parley", account: "", realName: "r", isBot: false };
const about = { persona, ids: [], isHidden: false, isSecure: true, sinceMs: 1, spokeMs: 2 };
const entry = (name: string, key = `key-${name}`) => {
  const folded = name.toLowerCase();
  return { folded, entry: { folded, name, key, person: key, about } };
};

function asker(store: PostgresStore) {
  let id = 0;
  let batches = 0;
  const ask = (request: Parameters<PostgresStore["answer"]>[0]): Promise<StoreReply> =>
    new Promise((resolve) => store.answer(request, resolve));
  return {
    find: (...names: string[]) => ask({ type: "find-elsewhere", names, id: ++id }),
    commit: (work: Partial<Batch>) => {
      const batch = { number: ++batches, rooms: [], mail: [], sessions: [], ...work };
      return ask({ type: "commit", batch, id: ++id });
    },
  };
}

describe.skipIf(!hasPostgres)("the directory in PostgreSQL", () => {
  let cluster: Cluster | undefined;
  const databases: Database[] = [];

  async function connect(url: string): Promise<Database> {
    const database = new Database(parseDatabaseUrl(url, "parley"), () => "");
    databases.push(database);
    return database;
  }

  beforeAll(async () => {
    cluster = await Cluster.shared();
  }, 180_000);

  afterAll(async () => {
    for (const database of databases) await database.close().catch(() => {});
  }, 180_000);

  test("names that nobody can have keep no others from being found", async () => {
    const database = await connect(await cluster!.newDatabase());
    const [east, west] = [await PostgresStore.open(database), await PostgresStore.open(database)];
    await asker(east).commit({ people: [entry("Ann")] });
    const found = await asker(west).find("a\0b", "\ud800", "ann");
    expect(found).toMatchObject({ outcome: "done", result: [{ name: "Ann" }] });
    const named = { type: "find-name", name: "a\0b", sinceMs: 0, id: 9 } as const;
    const reply = await new Promise<StoreReply>((resolve) => west.answer(named, resolve));
    expect(reply).toMatchObject({ outcome: "done", result: undefined });
  });

  test("users are found from the other server, until they or their server leave", async () => {
    const database = await connect(await cluster!.newDatabase());
    const [east, west] = [await PostgresStore.open(database), await PostgresStore.open(database)];
    const [here, there] = [asker(east), asker(west)];
    const ann = entry("Ann");
    const anonymous = entry("Nemo", "#7");
    const presence = [
      { room: "lobby", changes: [{ folded: "ann", name: "Ann", event: undefined }] },
    ];
    await here.commit({ people: [ann, anonymous], presence });
    const server = east.serverId;
    expect(await there.find("ann", "nemo", "nobody")).toMatchObject({
      result: [
        { ...ann.entry, server, rooms: ["lobby"] },
        { ...anonymous.entry, person: `${server}#7`, server, rooms: [] },
      ],
    });
    expect(await here.find("ann")).toMatchObject({ result: [] });
    await east.setAddress("east.example:55000");
    expect(await west.directory.list(west.serverId, 1)).toEqual([
      { folded: "ann", name: "Ann", server, address: "east.example:55000" },
    ]);
    expect(await east.directory.list(server, 9)).toEqual([]);
    expect(await west.directory.over([server, "never-there"])).toEqual(["never-there"]);
    // Texts that JSON may contain, and PostgreSQL does not take.
    const odd = { ...about, away: "a\\u0000\0b\ud83d \ud83d\ude00" };
    await here.commit({ people: [{ folded: "ann", entry: { ...ann.entry, about: odd } }] });
    const shown = { ...about, away: "a\\u0000\ufffdb\ufffd \ud83d\ude00" };
    expect(await there.find("ann")).toMatchObject({ result: [{ about: shown }] });
    await here.commit({ people: [{ folded: "ann", entry: undefined }] });
    expect(await there.find("ann")).toMatchObject({ result: [] });
    await east.leave();
    // They have a moment to return by another server.
    expect(await there.find("nemo")).toMatchObject({ result: [{ name: "Nemo" }] });
    const [left] = await database.run<{ ms: number | string }>(
      "SELECT extract(epoch FROM expires - clock_timestamp()) * 1000 AS ms FROM parley.servers WHERE id = $1",
      [server],
    );
    expect(Number(left?.ms)).toBeLessThanOrEqual(limits.returnMs);
    await database.run("UPDATE parley.servers SET expires = clock_timestamp() WHERE id = $1", [
      server,
    ]);
    await west.renew();
    expect(await there.find("nemo")).toMatchObject({ result: [] });
    expect(await west.directory.over([server])).toEqual([server]);
    expect(await database.run("SELECT folded FROM parley.people")).toEqual([]);
  });

  test("signals arrive once and in order, even if the answer to fetching them is lost", async () => {
    const url = await cluster!.newDatabase();
    const database = await connect(url);
    const [east, west] = [await PostgresStore.open(database), await PostgresStore.open(database)];
    const from = { key: "k", name: "Ann", folded: "ann", person: "k" };
    const signal = (to: string): HubSignal => {
      return { type: "chat", to, step: "invite", exchange: ["1"], from };
    };
    const heard: ForeignEvent[] = [];
    const feed = new Feed(database, west, (line) => expect.unreachable(line));
    feed.attach(hubStub(heard));
    const to = (...keys: string[]) =>
      keys.map((key) => ({ server: west.serverId, signal: signal(key) }));
    const sender = asker(east);
    await sender.commit({ signals: to("a", "b") });
    await database.run(`CREATE FUNCTION parley.deny() RETURNS trigger LANGUAGE plpgsql
      AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$`);
    await database.run(`CREATE TRIGGER deny BEFORE DELETE ON parley.signals
      FOR EACH ROW EXECUTE FUNCTION parley.deny()`);
    await expect(feed.check()).rejects.toThrow("not now");
    await database.run("DROP FUNCTION parley.deny CASCADE");
    await sender.commit({ signals: to("c") });
    await feed.check();
    await feed.check();
    const taken = heard.flatMap((event) => (event.type === "signal" ? [event.signal.to] : []));
    expect(taken).toEqual(["a", "b", "c"]);
    expect(await database.run("SELECT id FROM parley.signals")).toEqual([]);
  });

  test("codes for devices are valid once, one per account, and for a limited time", async () => {
    const database = await connect(await cluster!.newDatabase());
    const [east, west] = [await PostgresStore.open(database), await PostgresStore.open(database)];
    let id = 0;
    const ask = async (store: PostgresStore, operation: StoreOperation): Promise<unknown> => {
      const { promise, resolve } = Promise.withResolvers<StoreReply>();
      store.answer({ ...operation, id: ++id }, resolve);
      const reply = await promise;
      return reply.outcome === "done" ? reply.result : reply.outcome;
    };
    const change = (store: PostgresStore, about: AccountChange) =>
      ask(store, { type: "change-account", change: about });
    for (const account of ["a", "b"]) {
      const names = { account, name: account, folded: account, atMs: 1 };
      const key = { key: `first of ${account}`, label: "" };
      await change(east, { type: "register", ...names, key, password: "p" });
    }
    const put = (
      hash: string,
      account: string,
      ttlMs = 60_000,
      { key, password }: { key?: string; password?: string } = {},
    ) => ask(east, { type: "put-code", hash, account, key, password, ttlMs });
    const find = (hash: string) => ask(west, { type: "find-code", hash });
    const join = (account: string, key: string, code: string) =>
      change(west, { type: "add-key", account, key, label: "", code, atMs: 2 });
    await put("one", "a");
    await put("two", "a");
    await put("three", "b");
    expect([await find("one"), await find("two"), await find("three")]).toEqual([
      undefined,
      "a",
      "b",
    ]);
    expect(await join("b", "thief", "two")).toEqual({ done: false, why: "missing" });
    expect(await join("a", "phone", "two")).toMatchObject({ done: true });
    expect(await find("two")).toBeUndefined();
    expect(await join("a", "tablet", "two")).toEqual({ done: false, why: "missing" });
    await put("four", "a", 0);
    expect(await find("four")).toBeUndefined();
    expect(await join("a", "tablet", "four")).toEqual({ done: false, why: "missing" });
    // Whoever may no longer act for the account may have made one, and makes no other.
    expect(await put("five", "a", 60_000, { key: "phone" })).toBe(true);
    await change(west, { type: "revoke-key", account: "a", key: "phone", atMs: 3 });
    expect(await join("a", "phone", "five")).toEqual({ done: false, why: "missing" });
    expect(await put("six", "a", 60_000, { key: "phone" })).toBeUndefined();
    expect(await join("a", "phone", "six")).toEqual({ done: false, why: "missing" });
    expect(await put("seven", "a", 60_000, { password: "p" })).toBe(true);
    await change(west, { type: "set-password", account: "a", password: "q", atMs: 4 });
    expect(await find("seven")).toBeUndefined();
    expect(await put("eight", "a", 60_000, { password: "p" })).toBeUndefined();
    expect(await find("eight")).toBeUndefined();
    expect(await put("nine", "a", 60_000, { password: "q" })).toBe(true);
    expect(await find("three")).toBe("b");
  });
});
