// The tables of a data file, as migrations from each version to the next. docs/data.md
// describes them.

import { deletedText } from "../../protocol/messages.ts";
import { isSession } from "../session-sql.ts";
import type { Database } from "bun:sqlite";
import { isInRoom, keyRoom, keySeq } from "./batch-key.ts";

/** "prly": distinguishes parley's data files from other SQLite files (PRAGMA application_id). */
export const applicationId = 0x70726c79;

const tables = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE rooms (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL
  ) STRICT;

  -- What a room said in one turn.
  CREATE TABLE batches (
    key INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    clock_ms INTEGER NOT NULL,
    runs TEXT NOT NULL,
    room INTEGER AS ${keyRoom},
    first_seq INTEGER AS ${keySeq}
  ) STRICT;

  -- Which texts were deleted last, and the highest number in the room at that time: clients that
  -- were disconnected must stop showing them.
  CREATE TABLE erasures (
    id INTEGER PRIMARY KEY,
    room INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX erasures_of_room ON erasures (room);

  -- For people; shows which texts were deleted (deletedMark in packed-runs.ts).
  CREATE VIEW chat AS
    SELECT r.name AS room,
      b.first_seq + json_extract(run.value, '$.at') + text.key AS seq,
      strftime('%Y-%m-%dT%H:%M:%fZ',
        coalesce(json_extract(run.value, '$.time'), b.time_ms) / 1000.0, 'unixepoch') AS time,
      json_extract(run.value, '$.from') AS sender,
      iif(text.value = char(127), '${deletedText}', text.value) AS text,
      json_extract(run.value, '$.alias') AS alias,
      json_extract(run.value, '$.n') + text.key AS n,
      coalesce(json_extract(run.value, '$.time'), b.time_ms) AS time_ms,
      text.value = char(127) AS deleted
    FROM rooms r JOIN batches b ON b.${isInRoom("r.id")},
      json_each(b.runs) run, json_each(run.value, '$.texts') text;

  CREATE TABLE sessions (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    n INTEGER NOT NULL,
    -- Which of its last messages were refused.
    refused TEXT,
    mail INTEGER NOT NULL,
    network TEXT NOT NULL,
    seen_ms INTEGER NOT NULL,
    clock_ms INTEGER NOT NULL
  ) STRICT;
  -- None of the indexed columns changes with a session's messages. Mailboxes of accounts are kept,
  -- whatever their age.
  CREATE INDEX sessions_by_name ON sessions (name) WHERE name <> '';
  CREATE INDEX sessions_by_age ON sessions (clock_ms) WHERE ${isSession};
  CREATE INDEX sessions_gone ON sessions (clock_ms) WHERE name = '' AND ${isSession};

  CREATE TABLE mail (
    session TEXT NOT NULL,
    -- Below 0: a copy of a message that the session sent.
    mail INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    clock_ms INTEGER NOT NULL,
    -- The sender's, which has a share of the mailbox.
    network TEXT NOT NULL,
    sender TEXT NOT NULL,
    alias TEXT,
    recipients TEXT NOT NULL,
    chat INTEGER NOT NULL,
    text TEXT NOT NULL,
    id INTEGER NOT NULL,
    -- Whom it was exchanged with, so that both sides can read it later.
    person TEXT NOT NULL,
    person_name TEXT NOT NULL,
    PRIMARY KEY (session, mail)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE registrations (
    folded TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    ip TEXT NOT NULL,
    port INTEGER NOT NULL,
    registered_ms INTEGER NOT NULL,
    waiting_since_ms INTEGER,
    handed_out INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE rights (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE accounts (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE,
    password TEXT,
    mail INTEGER NOT NULL,
    registered_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE account_keys (
    account TEXT NOT NULL,
    key TEXT NOT NULL,
    label TEXT NOT NULL,
    added_ms INTEGER NOT NULL,
    used_ms INTEGER NOT NULL,
    revoked_ms INTEGER,
    mail INTEGER NOT NULL,
    vouch TEXT,
    PRIMARY KEY (account, key)
  ) STRICT, WITHOUT ROWID;
  CREATE UNIQUE INDEX account_keys_in_use ON account_keys (key) WHERE revoked_ms IS NULL;

  CREATE TABLE account_tokens (
    token TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    added_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX account_tokens_of ON account_tokens (account);
`;

/** Step `i` turns version `i` into `i + 1`. Never change a released step; add one. */
export const migrations: readonly string[] = [tables];

/** The version that this program writes. */
export const schemaVersion = migrations.length;

/** Carries out the steps that the file still lacks. Each is atomic. */
export function migrate(db: Database, steps = migrations): void {
  for (let version = versionOf(db); version < steps.length; version++) {
    db.transaction(() => {
      db.run(steps[version]!);
      db.run(`PRAGMA user_version = ${version + 1}`);
    }).immediate();
  }
}

export function versionOf(db: Database): number {
  return db.query<{ user_version: number }, []>("PRAGMA user_version").get()?.user_version ?? 0;
}

/**
 * Names of all tables, views and indexes with their columns, to compare a file with its version.
 */
export function shapeOf(db: Database): string {
  const rows = db
    .query<{ shape: string }, []>(
      `SELECT s.type || ' ' || s.name || '(' || coalesce(
         (SELECT group_concat(c.name, ',') FROM pragma_table_info(s.name) c), '') || ')' AS shape
       FROM sqlite_schema s WHERE s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY s.type, s.name`,
    )
    .all();
  return rows.map(({ shape }) => shape).join("\n");
}
