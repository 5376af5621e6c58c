// Numbers assigned by servers of one database: never the same twice.

import { describe, expect, test } from "bun:test";
import { postgres as limits } from "../../../src/limits.ts";
import type { Database } from "../../../src/store/postgres/database.ts";
import { NumberBlock } from "../../../src/store/postgres/number-block.ts";
import { hasPostgres, withoutPostgres } from "./cluster.ts";
import { withDatabase } from "./with-database.ts";

if (!hasPostgres) console.error(`skipped: ${withoutPostgres}: numbers from PostgreSQL`);

describe.skipIf(!hasPostgres)("numbers of several servers", () => {
  let database: Database;

  withDatabase((opened) => (database = opened));

  test("differ from each other, and from those of earlier versions", async () => {
    const rows = [
      { key: "sanction/41", value: "{}" },
      { key: "pass/hash", value: '{"id":57,"uses":1}' },
      { key: "room/lobby", value: '{"topic":"id"}' },
    ];
    const [east, west] = [
      await NumberBlock.open(database, rows),
      await NumberBlock.open(database, []),
    ];
    const given: number[] = [];
    for (let i = 0; i < 3 * limits.numbersAtOnce; i++) {
      for (const { next } of [east, west]) {
        let number = next();
        // Only a test that is faster than the database has to wait.
        while (number === undefined) {
          await database.run("SELECT 1");
          number = next();
        }
        given.push(number);
      }
    }
    expect(Math.min(...given)).toBe(58);
    expect(new Set(given).size).toBe(6 * limits.numbersAtOnce);
  });

  test("an unreachable database assigns none, and its numbers continue when it is back", async () => {
    const block = await NumberBlock.open(database, []);
    await database.run("ALTER TABLE parley.meta RENAME TO away");
    let count = 0;
    while (block.next() !== undefined) count++;
    expect(count).toBe(limits.numbersAtOnce);
    await database.run("ALTER TABLE parley.away RENAME TO meta");
    let number: number | undefined;
    while (number === undefined) {
      number = block.next();
      await database.run("SELECT 1");
    }
    expect(number).toBeGreaterThan(limits.numbersAtOnce);
  });
});
