// Migrates the tables to this program's version, under a lock, so that only one of several servers
// that start at the same time does it.

import { ParleyError } from "../../errors.ts";
import { Refused } from "./database.ts";
import type { DatabasePort } from "./database-port.ts";
import { functions, migrations, schemaVersion } from "./schema.ts";

/** Older PostgreSQL versions lack features used here. */
const leastVersion = 150_000;

/** Names this program's lock among others in the database: "parley m". */
const lockKey = "8097874531021168749";

const undefinedTable = "42P01";

/** `epoch`: for a new log. @throws ParleyError `storage`; DatabaseAway, Refused */
export async function migrate(database: DatabasePort, epoch: string): Promise<void> {
  const [server] = await database.run<{ version: string; encoding: string }>(
    `SELECT current_setting('server_version_num') AS version,
       current_setting('server_encoding') AS encoding`,
  );
  if (Number(server?.version) < leastVersion) {
    throw new ParleyError("storage", "The database is older than PostgreSQL 15: upgrade it");
  }
  if (server?.encoding !== "UTF8") {
    throw new ParleyError(
      "storage",
      `The database is in ${server?.encoding}, which does not have all characters: create one with createdb -E UTF8 -T template0`,
    );
  }
  const before = await versionOf(database);
  if (before === schemaVersion) return;
  if (before > schemaVersion) throw tooNew(before);
  const steps = migrations.slice(before).join("");
  try {
    // One string is one transaction.
    await database.script(`
      SET LOCAL lock_timeout = 0;
      SELECT pg_advisory_xact_lock(${lockKey});
      CREATE SCHEMA IF NOT EXISTS parley;
      DO $$ BEGIN
        IF to_regclass('parley.meta') IS NOT NULL THEN
          IF (SELECT value FROM parley.meta WHERE key = 'schema') IS DISTINCT FROM '${before}' THEN
            RAISE EXCEPTION 'migrated meanwhile' USING ERRCODE = 'PY003';
          END IF;
        END IF;
      END $$;
      ${steps}
      ${functions}
      INSERT INTO parley.meta (key, value) VALUES ('schema', '${schemaVersion}'), ('epoch', '${epoch}')
        ON CONFLICT (key) DO UPDATE SET value =
          CASE WHEN meta.key = 'epoch' THEN meta.value ELSE excluded.value END;
      `);
  } catch (error) {
    if (!(error instanceof Refused) || error.state !== "PY003") throw error;
    const after = await versionOf(database);
    if (after !== schemaVersion) throw tooNew(after);
  }
}

/** 0: there are no tables yet. */
async function versionOf(database: DatabasePort): Promise<number> {
  try {
    const [row] = await database.run<{ value: string }>(
      "SELECT value FROM parley.meta WHERE key = 'schema'",
    );
    return Number(row?.value ?? 0);
  } catch (error) {
    if (error instanceof Refused && error.state === undefinedTable) return 0;
    throw error;
  }
}

function tooNew(version: number): ParleyError {
  return new ParleyError(
    "storage",
    `The database has tables of version ${version}, this program knows ${schemaVersion}: use the newer parley`,
  );
}
