// The tables of a data file, as migrations from each version to the next. docs/data.md
// describes them.

import { deletedText } from "../../protocol/messages.ts";
import { isSession } from "../session-sql.ts";
import type { Database } from "bun:sqlite";
import { isInRoom } from "./batch-key.ts";
import { makeVersion2 } from "./version-2.ts";

/** "prly": distinguishes parley's data files from other SQLite files (PRAGMA application_id). */
export const applicationId = 0x70726c79;

/** A step from one version to the next; `systemMs` is the system clock in Unix milliseconds. */
type Migration = (db: Database, systemMs: number) => unknown;

/** Version 1: one row per message. */
const version1 = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE rooms (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE messages (
    room INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    sender TEXT NOT NULL,
    alias TEXT,
    text TEXT NOT NULL,
    n INTEGER,
    PRIMARY KEY (room, seq)
  ) STRICT, WITHOUT ROWID;

  CREATE VIEW chat AS
    SELECT r.name AS room, m.seq,
      strftime('%Y-%m-%dT%H:%M:%fZ', m.time_ms / 1000.0, 'unixepoch') AS time,
      m.sender, m.text, m.alias, m.n, m.time_ms
    FROM messages m JOIN rooms r ON r.id = m.room;

  CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    n INTEGER NOT NULL,
    mail INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX sessions_by_name ON sessions (name) WHERE name <> '';
  CREATE INDEX sessions_by_age ON sessions (seen_ms);
  CREATE INDEX sessions_gone ON sessions (seen_ms) WHERE name = '';

  CREATE TABLE mail (
    session TEXT NOT NULL,
    mail INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    sender TEXT NOT NULL,
    alias TEXT,
    recipients TEXT NOT NULL,
    chat INTEGER NOT NULL,
    text TEXT NOT NULL,
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
`;

/**
 * Version 3: each private message records its sender's network, which has a share of the mailbox.
 */
const version3 = "ALTER TABLE mail ADD COLUMN network TEXT NOT NULL DEFAULT ''";

/** Version 4: operators' decisions. */
const version4 = `
  CREATE TABLE rights (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
`;

/** Version 5: registered names. */
const version5 = `
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

/** Version 6: devices vouch for each other. */
const version6 = "ALTER TABLE account_keys ADD COLUMN vouch TEXT";

/**
 * Version 7: whom each private message was exchanged with, so that both sides can read it later.
 * Copies of sent messages have numbers below 0.
 */
const version7 = `
  ALTER TABLE mail ADD COLUMN id INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE mail ADD COLUMN person TEXT NOT NULL DEFAULT '';
  ALTER TABLE mail ADD COLUMN person_name TEXT NOT NULL DEFAULT '';
  UPDATE mail SET person_name = sender;
`;

/** Version 8: which of a session's last messages were refused. */
const version8 = "ALTER TABLE sessions ADD COLUMN refused TEXT";

/**
 * Version 9: which texts were erased last, and the highest number in the room at that time: clients
 * that were disconnected must stop showing them.
 */
const version9 = `
  CREATE TABLE erasures (
    id INTEGER PRIMARY KEY,
    room INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX erasures_of_room ON erasures (room);
`;

/** Version 10: indexes by age without the mailboxes of accounts, which are kept. */
const version10 = `
  DROP INDEX sessions_by_age;
  DROP INDEX sessions_gone;
  CREATE INDEX sessions_by_age ON sessions (clock_ms) WHERE ${isSession};
  CREATE INDEX sessions_gone ON sessions (clock_ms) WHERE name = '' AND ${isSession};
`;

/** Version 11: the view shows which texts were deleted (`deletedMark` in packed-runs.ts). */
const version11 = `
  DROP VIEW chat;
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
`;

/**
 * Version 12: each registration records the network it was made from, to which its ID belongs.
 */
const version12 = "ALTER TABLE registrations ADD COLUMN network TEXT NOT NULL DEFAULT ''";

/** Step `i` converts version `i` to `i + 1`. Never change a released step; add one. */
const migrations: readonly Migration[] = [
  (db) => db.run(version1),
  makeVersion2,
  (db) => db.run(version3),
  (db) => db.run(version4),
  (db) => db.run(version5),
  (db) => db.run(version6),
  (db) => db.run(version7),
  (db) => db.run(version8),
  (db) => db.run(version9),
  (db) => db.run(version10),
  (db) => db.run(version11),
  (db) => db.run(version12),
];

/** The version that this program writes. */
export const schemaVersion = migrations.length;

/** Migrates a file from version `from` to version `to`, or leaves it as it is. */
export function migrate(db: Database, from: number, to = schemaVersion, systemMs = 0): void {
  if (from >= to) return;
  db.transaction(() => {
    for (const step of migrations.slice(from, to)) step(db, systemMs);
    db.run(`PRAGMA user_version = ${to}`);
  }).immediate();
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
