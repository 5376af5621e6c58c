// A database with parley's tables for the tests of a file.

import { afterAll, beforeAll } from "bun:test";
import { Database } from "../../../src/store/postgres/database.ts";
import { parseDatabaseUrl } from "../../../src/store/postgres/database-url.ts";
import { PostgresStore } from "../../../src/store/postgres/store.ts";
import { Cluster } from "./cluster.ts";

/** Opens it before the tests of the current `describe`, and closes it after them. */
export function withDatabase(opened: (database: Database) => void): void {
  let database: Database | undefined;

  beforeAll(async () => {
    const url = await (await Cluster.shared()).newDatabase();
    database = new Database(parseDatabaseUrl(url, "parley"), () => "");
    await (await PostgresStore.open(database)).leave();
    opened(database);
  }, 180_000);

  afterAll(async () => {
    await database?.close().catch(() => {});
  }, 180_000);
}
