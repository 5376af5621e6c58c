// A database with parley's tables for the tests of a file, in a cluster of its own.

import { afterAll, beforeAll } from "bun:test";
import { Database } from "../../../src/store/postgres/database.ts";
import { parseDatabaseUrl } from "../../../src/store/postgres/database-url.ts";
import { PostgresStore } from "../../../src/store/postgres/store.ts";
import { Cluster } from "./cluster.ts";

/** Opens it before the tests of the current `describe`, and removes it after them. */
export function withDatabase(opened: (database: Database) => void): void {
  let cluster: Cluster | undefined;
  let database: Database | undefined;

  beforeAll(async () => {
    cluster = await Cluster.start();
    database = new Database(parseDatabaseUrl(await cluster.newDatabase(), "parley"), () => "");
    await (await PostgresStore.open(database)).leave();
    opened(database);
  }, 60_000);

  afterAll(async () => {
    await database?.close().catch(() => {});
    await cluster?.remove();
  }, 60_000);
}
