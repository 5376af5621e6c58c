// The database's client, when the database dies, returns, or never answers.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { parseDatabaseUrl } from "../../../src/store/postgres/database-url.ts";
import { Database, DatabaseAway } from "../../../src/store/postgres/database.ts";
import { StallWatch } from "../../../src/store/postgres/stall-watch.ts";
import { CuttingProxy } from "../../fault/proxy.ts";
import { until } from "../../until.ts";
import { Cluster, hasPostgres, withoutPostgres } from "./cluster.ts";

if (!hasPostgres) console.error(`skipped: ${withoutPostgres}: the client of the database`);

describe.skipIf(!hasPostgres)("the client of the database", () => {
  let cluster: Cluster;
  let address: string;

  beforeAll(async () => {
    cluster = await Cluster.start();
    address = await cluster.newDatabase();
  }, 180_000);

  afterAll(async () => await cluster.remove(), 180_000);

  test("receives notifications again after the database has died", async () => {
    const database = new Database(parseDatabaseUrl(address, "parley"), () => "");
    const heard: string[] = [];
    let connected = 0;
    const stop = await database.listen(
      "news",
      (payload) => heard.push(payload),
      () => connected++,
    );
    const tell = (text: string) => database.run("SELECT pg_notify('news', $1)", [text]);
    await tell("one");
    await until(
      () => heard.length === 1,
      () => "the first notice",
    );
    await cluster.stop("immediate");
    expect(await tell("lost").catch((error: unknown) => error)).toBeInstanceOf(DatabaseAway);
    await cluster.startAgain();
    await tell("two");
    await until(
      () => connected === 2,
      () => "the subscription to be renewed",
    );
    await tell("three");
    await until(
      () => heard.at(-1) === "three",
      () => "the notice after it",
    );
    stop();
    await tell("four");
    await tell("five");
    expect(heard.at(-1)).toBe("three");
    await database.close();
  }, 180_000);

  test("gives up on a silent database, and reconnects to it later", async () => {
    using proxy = new CuttingProxy(cluster.port, () => Infinity);
    const through = address.replace(`:${cluster.port}/`, `:${proxy.port}/`);
    const database = new Database(parseDatabaseUrl(through, "parley"), () => "", 1);
    await database.run("CREATE TABLE said (text text)");
    proxy.silent = true;
    const statement = database.run("INSERT INTO said VALUES ($1)", ["a"]);
    const transaction = database.transact((run) => run("SELECT 1"));
    const outcomes = await Promise.allSettled([statement, transaction]);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ reason: new DatabaseAway("No answer for 1 s") });
    }
    proxy.silent = false;
    expect(await database.run("SELECT text FROM said")).toHaveLength(0);
    await database.close();
  }, 180_000);

  test("closes while it looks for a primary and nothing answers", async () => {
    using proxy = new CuttingProxy(cluster.port, () => Infinity);
    proxy.silent = true;
    const through = address.replace(`:${cluster.port}/`, `:${proxy.port}/`);
    const database = new Database(parseDatabaseUrl(through, "parley"), () => "");
    const answered = database.run("SELECT 1").then(
      () => "answered",
      () => "refused",
    );
    const closed = database.close().then(() => "closed");
    expect(await Promise.race([answered, closed])).toBe("closed");
    expect(await answered).toBe("refused");
  }, 180_000);

  test("waits for a database that is slow, but answers all the time", async () => {
    const database = new Database(parseDatabaseUrl(address, "parley"), () => "", 1);
    const statements = Array.from({ length: 60 }, () => database.run("SELECT pg_sleep(0.2)"));
    const outcomes = await Promise.allSettled(statements);
    expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(["fulfilled"]));
    await database.close();
  }, 180_000);

  test("gives up on a statement that is locked out, and releases it", async () => {
    const url = parseDatabaseUrl(address, "parley");
    const [first, second] = [new Database(url, () => ""), new Database(url, () => "", 1)];
    await first.run("CREATE TABLE held (id int PRIMARY KEY)");
    await first.run("INSERT INTO held VALUES (1)");
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { promise: locked, resolve: lock } = Promise.withResolvers<void>();
    const holder = first.transact(async (run) => {
      await run("SELECT id FROM held FOR UPDATE");
      lock();
      await released;
    });
    await locked;
    const refused = await second.run("DELETE FROM held").catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(DatabaseAway);
    expect(String(refused)).toContain("lock timeout");
    release();
    await holder;
    expect(await first.run("SELECT id FROM held")).toHaveLength(1);
    await first.close();
    await second.close();
  }, 180_000);
});

const stalled = (): Error => new Error("stalled");

describe("the watchdog for stalled requests", () => {
  test("does not mistake a suspended process for a silent database", async () => {
    const watch = new StallWatch(2, 20);
    const { promise, resolve } = Promise.withResolvers<string>();
    const guarded = watch.guard(promise, () => new Error("stalled"));
    Bun.sleepSync(200);
    setTimeout(() => resolve("answered"), 0);
    expect(await guarded).toBe("answered");
  });

  test("waits for as long as what was begun before is answered", async () => {
    const watch = new StallWatch(2, 20);
    const requests = Array.from({ length: 10 }, () => Promise.withResolvers<void>());
    const guarded = requests.map(({ promise }) => watch.guard(promise, stalled));
    for (const { resolve } of requests) {
      await Bun.sleep(20);
      resolve();
    }
    await Promise.all(guarded);
  });

  test("gives up on a request that later ones overtake", async () => {
    const watch = new StallWatch(2, 20);
    const never = watch.guard(new Promise<string>(() => {}), stalled).catch(String);
    const outcome = async (): Promise<string> => {
      const next = watch.guard(Bun.sleep(20), stalled).then(() => "overtaken");
      const told = await Promise.race([never, next]);
      return told === "overtaken" ? await outcome() : told;
    };
    expect(await outcome()).toBe("Error: stalled");
  });

  test("gives up on requests that do not end", async () => {
    const watch = new StallWatch(2, 20);
    const never = new Promise<void>(() => {});
    await expect(watch.guard(never, () => new Error("stalled"))).rejects.toThrow("stalled");
  });
});
