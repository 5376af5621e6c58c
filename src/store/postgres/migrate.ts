// Migrates the tables to this program's version, under a lock, so that only one of several servers
// that start at the same time does it.

import { ParleyError } from "../../errors.ts";
import { postgres as limits } from "../../limits.ts";
import { LockedOut, Refused } from "./database.ts";
import type { DatabasePort } from "./database-port.ts";
import { functions, migrations, schemaVersion } from "./schema.ts";

/** Older PostgreSQL versions lack features used here. */
const leastVersion = 150_000;

/** Names this program's lock among others in the database: "parley m". */
const lockKey = "8097874531021168749";

const undefinedTable = "42P01";
/** Another server has migrated the tables first. */
const migratedMeanwhile = "PY003";

const isInUse =
  "The database's tables must be changed for this version, and something else holds them, such as a backup: start again when it has ended";

export type MigrationPace = {
  /** Longest wait for a table that others use: all who need it after that wait as well. */
  lockMs: number;
  /** In between, the others continue. */
  pauseMs: number;
  tries: number;
};

const usualPace: MigrationPace = {
  lockMs: limits.migrationLockMs,
  pauseMs: limits.migrationPauseMs,
  tries: limits.migrationTries,
};

/** `epoch`: for a new log. @throws ParleyError `storage`; DatabaseAway, Refused */
export async function migrate(
  database: DatabasePort,
  epoch: string,
  pace: MigrationPace = usualPace,
): Promise<void> {
  const [server] = await database.run<{ version: string; encoding: string; isolation: string }>(
    `SELECT current_setting('server_version_num') AS version,
       current_setting('server_encoding') AS encoding,
       current_setting('default_transaction_isolation') AS isolation`,
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
  // Whoever has waited for a lock must see what its holder has done.
  if (server.isolation === "repeatable read") {
    throw new ParleyError(
      "storage",
      `The database's default_transaction_isolation is 'repeatable read', with which two people could get the same name: it must be 'read committed'`,
    );
  }
  const before = await versionOf(database);
  if (before === schemaVersion) return;
  if (before > schemaVersion) throw tooNew(before);
  const script = scriptFrom(before, epoch, pace.lockMs);
  for (let left = pace.tries; ; left--) {
    try {
      return await database.script(script);
    } catch (error) {
      if (error instanceof Refused && error.state === migratedMeanwhile) break;
      if (!(error instanceof LockedOut)) throw error;
      if (left <= 1) throw new ParleyError("storage", isInUse);
    }
    await Bun.sleep(pace.pauseMs);
  }
  const after = await versionOf(database);
  if (after !== schemaVersion) throw tooNew(after);
}

/** One string is one transaction. */
function scriptFrom(version: number, epoch: string, lockMs: number): string {
  return `
    SET LOCAL lock_timeout = 0;
    SELECT pg_advisory_xact_lock(${lockKey});
    SET LOCAL lock_timeout = '${lockMs}ms';
    CREATE SCHEMA IF NOT EXISTS parley;
    DO $$ BEGIN
      IF to_regclass('parley.meta') IS NOT NULL THEN
        IF (SELECT value FROM parley.meta WHERE key = 'schema') IS DISTINCT FROM '${version}' THEN
          RAISE EXCEPTION 'migrated meanwhile' USING ERRCODE = '${migratedMeanwhile}';
        END IF;
      END IF;
    END $$;
    ${migrations.slice(version).join("")}
    ${functions}
    INSERT INTO parley.meta (key, value) VALUES ('schema', '${schemaVersion}'), ('epoch', '${epoch}')
      ON CONFLICT (key) DO UPDATE SET value =
        CASE WHEN meta.key = 'epoch' THEN meta.value ELSE excluded.value END;
  `;
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
