// Migration to version 2: from one row per message to one row per turn. Rows gain the store's
// clock, by which they age, and sessions gain their network. Messages are converted page by page,
// so that a large file needs little memory.

import type { Database } from "bun:sqlite";
import { SaidRun } from "../../chat/rooms/said-run.ts";
import { batchKey, isInRoom, keyRoom, keySeq } from "./batch-key.ts";
import { packRuns } from "../packed-runs.ts";

/** Runs within a transaction. `systemMs` is the system clock in Unix milliseconds. */
export function makeVersion2(db: Database, systemMs: number): void {
  const newest = db
    .query<{ ms: number | null }, []>(
      `SELECT max(ms) AS ms FROM (SELECT max(time_ms) AS ms FROM messages
         UNION ALL SELECT max(time_ms) FROM mail UNION ALL SELECT max(seen_ms) FROM sessions)`,
    )
    .get()?.ms;
  // The last time the previous server ran, unless its clock was ahead.
  const clockMs = Math.min(newest ?? systemMs, systemMs);
  db.run(batchesTable);
  batchMessages(db, clockMs);
  db.run(chatView);
  renewTable(db, "sessions", sessionsTable, {
    into: "id, name, n, mail, network, seen_ms, clock_ms",
    from: `id, name, n, mail, '', seen_ms, min(seen_ms, ${clockMs})
      FROM sessions_1 ORDER BY seen_ms`,
  });
  renewTable(db, "mail", mailTable, {
    into: "session, mail, time_ms, clock_ms, sender, alias, recipients, chat, text",
    from: `session, mail, time_ms, min(time_ms, ${clockMs}), sender, alias, recipients, chat, text
      FROM mail_1 ORDER BY session, mail`,
  });
  db.run(sessionIndexes);
  db.query("INSERT INTO meta VALUES ('clock_ms', ?)").run(String(clockMs));
}

const batchesTable = `
  CREATE TABLE batches (
    key INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    clock_ms INTEGER NOT NULL,
    runs TEXT NOT NULL,
    room INTEGER AS ${keyRoom},
    first_seq INTEGER AS ${keySeq}
  ) STRICT;
`;

const chatView = `
  DROP VIEW chat;
  DROP TABLE messages;
  CREATE VIEW chat AS
    SELECT r.name AS room,
      b.first_seq + json_extract(run.value, '$.at') + text.key AS seq,
      strftime('%Y-%m-%dT%H:%M:%fZ',
        coalesce(json_extract(run.value, '$.time'), b.time_ms) / 1000.0, 'unixepoch') AS time,
      json_extract(run.value, '$.from') AS sender,
      text.value AS text,
      json_extract(run.value, '$.alias') AS alias,
      json_extract(run.value, '$.n') + text.key AS n,
      coalesce(json_extract(run.value, '$.time'), b.time_ms) AS time_ms
    FROM rooms r JOIN batches b ON b.${isInRoom("r.id")},
      json_each(b.runs) run, json_each(run.value, '$.texts') text;
`;

const sessionsTable = `
  CREATE TABLE sessions (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    n INTEGER NOT NULL,
    mail INTEGER NOT NULL,
    network TEXT NOT NULL,
    seen_ms INTEGER NOT NULL,
    clock_ms INTEGER NOT NULL
  ) STRICT;
`;

/** None of the indexed columns changes with a session's messages. */
const sessionIndexes = `
  CREATE INDEX sessions_by_name ON sessions (name) WHERE name <> '';
  CREATE INDEX sessions_by_age ON sessions (clock_ms);
  CREATE INDEX sessions_gone ON sessions (clock_ms) WHERE name = '';
`;

const mailTable = `
  CREATE TABLE mail (
    session TEXT NOT NULL,
    mail INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    clock_ms INTEGER NOT NULL,
    sender TEXT NOT NULL,
    alias TEXT,
    recipients TEXT NOT NULL,
    chat INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (session, mail)
  ) STRICT, WITHOUT ROWID;
`;

/** Replaces a table and recreates its indexes. `rows.from` reads the old one. */
function renewTable(
  db: Database,
  name: string,
  create: string,
  rows: { into: string; from: string },
): void {
  db.run(`ALTER TABLE ${name} RENAME TO ${name}_1`);
  db.run(create);
  db.run(`INSERT INTO ${name} (${rows.into}) SELECT ${rows.from}`);
  db.run(`DROP TABLE ${name}_1`);
}

/** Messages read at once. */
const pageMessages = 1_000;

type MessageRow = {
  room: number;
  seq: number;
  time_ms: number;
  sender: string;
  alias: string | null;
  text: string;
  n: number | null;
};

/** Moves `messages` into `batches`. Messages dated after `clockMs` start to age at that time. */
function batchMessages(db: Database, clockMs: number): void {
  const page = db.prepare<MessageRow, [number, number, number]>(
    `SELECT room, seq, time_ms, sender, alias, text, n FROM messages WHERE (room, seq) > (?, ?)
     ORDER BY room, seq LIMIT ?`,
  );
  const insert = db.prepare<never, [number, number, number, number, number, string]>(
    `INSERT INTO batches (key, count, time_ms, clock_ms, runs)
     VALUES (${batchKey("?", "?")}, ?, ?, ?, ?)`,
  );
  // Batches reuse the pages freed here, so the file does not grow.
  const remove = db.prepare<never, [number, number]>(
    "DELETE FROM messages WHERE (room, seq) <= (?, ?)",
  );
  const insertRuns = (room: number, firstSeq: number, runs: SaidRun[]): void => {
    const agedMs = Math.min(clockMs, runs.at(-1)?.timeMs ?? clockMs);
    let seq = firstSeq;
    for (const row of packRuns(runs)) {
      insert.run(room, seq, row.count, row.timeMs, agedMs, row.runs);
      seq += row.count;
    }
  };
  let rows: MessageRow[];
  let last = { room: 0, seq: 0 };
  do {
    rows = page.all(last.room, last.seq, pageMessages);
    for (let from = 0; from < rows.length;) {
      const { room, seq } = rows[from]!;
      let end = from + 1;
      while (rows[end]?.room === room && rows[end]?.seq === seq + end - from) end++;
      insertRuns(room, seq, runsOf(rows.slice(from, end)));
      from = end;
    }
    last = rows.at(-1) ?? last;
    remove.run(last.room, last.seq);
  } while (rows.length === pageMessages);
  for (const statement of [page, insert, remove]) statement.finalize();
}

/** A run consists of consecutive messages of one sender at one time. */
function runsOf(rows: readonly MessageRow[]): SaidRun[] {
  const runs: SaidRun[] = [];
  for (const { seq, time_ms: timeMs, sender, alias, text, n } of rows) {
    const run = runs.at(-1);
    const nextN = run?.n === undefined ? undefined : run.n + run.length;
    const continues =
      run?.from === sender &&
      run.alias === (alias ?? undefined) &&
      run.timeMs === timeMs &&
      nextN === (n ?? undefined);
    if (continues) run.push(text);
    else {
      const counted = { alias: alias ?? undefined, n: n ?? undefined, author: 0 };
      runs.push(new SaidRun({ room: "", seq, timeMs, from: sender, ...counted }, [text]));
    }
  }
  return runs;
}
