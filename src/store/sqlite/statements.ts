// Prepared statements for committing and reading.

import type { Database, SQLQueryBindings } from "bun:sqlite";
import type { RightsRow } from "../../chat/rights/rights-rows.ts";
import type { MailCount, MailEntry, SessionRecord } from "../../chat/turn/store.ts";
import { history } from "../../limits.ts";
import type { MailboxEntry } from "../mailbox-shares.ts";
import { batchKey, isInRoom, keySeq } from "./batch-key.ts";
import { type Prepare, preparer } from "./prepare.ts";

/** Runs a query and converts SQLite's errors to ParleyErrors. */
export type Read = <T>(query: () => T) => T;

type RoomRow = { id: number; first_seq: number; last_seq: number; newest: number };
type BatchRow = { firstSeq: number; timeMs: number; json: string };
export type SessionRow = Omit<SessionRecord, "refused"> & { refused: string | null };
export type NewSession = [
  id: string,
  name: string,
  n: number,
  refused: string | null,
  mail: number,
  network: string,
  seenMs: number,
  clockMs: number,
];
export type MailRow = {
  mail: number;
  time_ms: number;
  sender: string;
  alias: string | null;
  recipients: string;
  chat: number;
  text: string;
  id: number;
};

const mailColumns = "mail, time_ms, sender, alias, recipients, chat, text, id";
const sessionColumns = "id, name, n, refused, mail, network, seen_ms AS seenMs";

export type Statements = ReturnType<typeof statements>;

export function statements(db: Database) {
  const { prepare, finalize } = preparer(db);
  return {
    begin: prepare<never, []>("BEGIN IMMEDIATE"),
    commit: prepare<never, []>("COMMIT"),
    rollback: prepare<never, []>("ROLLBACK"),
    /** Starts a read and stays open after its first row. */
    twoRows: prepare<unknown, []>("SELECT 1 FROM meta, (VALUES (1), (2))"),
    ...roomStatements(prepare),
    ...sessionStatements(prepare),
    ...mailStatements(prepare),
    ...rightsStatements(prepare),
    finalize,
  };
}

function roomStatements(prepare: Prepare) {
  const newest = `SELECT ${keySeq} + count - 1 FROM batches
    WHERE ${isInRoom("rooms.id")} ORDER BY key DESC LIMIT 1`;
  const [start, from, to] = [batchKey("?1", "0"), batchKey("?1", "?2"), batchKey("?1", "?3")];
  return {
    room: prepare<RoomRow, [string]>(
      `SELECT id, first_seq, last_seq, coalesce((${newest}), 0) AS newest
       FROM rooms WHERE name = ?`,
    ),
    floor: prepare<{ value: string }, []>("SELECT value FROM meta WHERE key = 'floor'"),
    highestRoomId: prepare<{ id: number | null }, []>("SELECT max(id) AS id FROM rooms"),
    roomWithId: prepare<{ id: number }, [number]>("SELECT id FROM rooms WHERE id = ?"),
    insertRoom: prepare<never, [number, string, number, number]>(
      "INSERT INTO rooms (id, name, first_seq, last_seq) VALUES (?, ?, ?, ?)",
    ),
    insertBatch: prepare<never, [number, number, number, number, number, string]>(
      `INSERT INTO batches (key, count, time_ms, clock_ms, runs)
       VALUES (${batchKey("?", "?")}, ?, ?, ?, ?)`,
    ),
    setRuns: prepare<never, [string, number, number]>(
      `UPDATE batches SET runs = ?1 WHERE key = ${batchKey("?2", "?3")}`,
    ),
    insertErasure: prepare<never, [number, number, number]>(
      "INSERT INTO erasures (room, seq, last_seq) VALUES (?, ?, ?)",
    ),
    /** Keeps the last `?2` of the room. */
    trimErasures: prepare<never, [number, number]>(
      `DELETE FROM erasures WHERE room = ?1 AND id <=
         (SELECT id FROM erasures WHERE room = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)`,
    ),
    /** Of the messages up to `?2`, those erased while that was the last one, or later. */
    erasedSince: prepare<{ seq: number }, [number, number]>(
      "SELECT seq FROM erasures WHERE room = ?1 AND seq <= ?2 AND last_seq >= ?2 ORDER BY id",
    ),
    /** The batches of room `?1` that contain messages `?2` to `?3`. */
    batchesBetween: prepare<BatchRow, [number, number, number]>(
      `SELECT ${keySeq} AS firstSeq, time_ms AS timeMs, runs AS json FROM batches
       WHERE key <= ${to} AND key >= coalesce(
         (SELECT key FROM batches WHERE key BETWEEN ${start} AND ${from} ORDER BY key DESC LIMIT 1),
         ${from})
       ORDER BY key`,
    ),
  };
}

function sessionStatements(prepare: Prepare) {
  return {
    session: prepare<SessionRow, [string]>(`SELECT ${sessionColumns} FROM sessions WHERE id = ?`),
    /** One stranger can give a name to thousands of sessions: reads only those with it last. */
    sessionNamed: prepare<SessionRow, [string, number]>(
      `SELECT ${sessionColumns} FROM (SELECT * FROM sessions WHERE name = ? AND name <> ''
         ORDER BY key DESC LIMIT ${history.maxNamesakes})
       WHERE seen_ms >= ? ORDER BY seen_ms DESC, id DESC LIMIT 1`,
    ),
    /** Updates only columns without an index. */
    updateSession: prepare<never, [number, string | null, number, number]>(
      "UPDATE sessions SET n = ?, refused = ?, seen_ms = ? WHERE key = ?",
    ),
    shiftSeen: prepare<never, [number]>(
      `UPDATE sessions SET seen_ms = seen_ms + ?1 - newest.ms
       FROM (SELECT max(seen_ms) AS ms FROM sessions WHERE name <> '') AS newest WHERE name <> ''`,
    ),
    /** Afterwards its row has the highest key of its name. */
    putSession: prepare<{ key: number }, NewSession>(
      `INSERT INTO sessions (id, name, n, refused, mail, network, seen_ms, clock_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET
         key = CASE WHEN EXISTS (SELECT 1 FROM sessions AS other WHERE other.name = excluded.name
             AND other.name <> '' AND other.key > sessions.key)
           THEN (SELECT max(key) + 1 FROM sessions) ELSE key END,
         name = excluded.name, n = excluded.n, refused = excluded.refused,
         mail = max(mail, excluded.mail), network = excluded.network, seen_ms = excluded.seen_ms,
         clock_ms = excluded.clock_ms
       RETURNING key`,
    ),
    deleteBlank: prepare<never, [string]>(
      "DELETE FROM sessions WHERE id = ? AND name = '' AND n = 0 AND mail = 0",
    ),
    ensureSession: prepare<never, [string, number, number]>(
      `INSERT INTO sessions (id, name, n, mail, network, seen_ms, clock_ms)
       VALUES (?, '', 0, 0, '', ?, ?) ON CONFLICT (id) DO NOTHING`,
    ),
    nextMail: prepare<{ mail: number }, [string, number, number]>(
      `INSERT INTO sessions (id, name, n, mail, network, seen_ms, clock_ms)
       VALUES (?, '', 0, 1, '', ?, ?)
       ON CONFLICT (id) DO UPDATE SET mail = mail + 1 RETURNING mail`,
    ),
  };
}

function mailStatements(prepare: Prepare) {
  return {
    mailAfter: prepare<MailRow, [string, number, number]>(
      `SELECT ${mailColumns} FROM mail WHERE session = ? AND mail > ? ORDER BY mail LIMIT ?`,
    ),
    mailNumbered: prepare<MailRow, [string, number]>(
      `SELECT ${mailColumns} FROM mail WHERE session = ? AND mail = ?`,
    ),
    listMail: prepare<MailEntry, [string]>(
      `SELECT mail, time_ms AS timeMs, id, person, person_name AS name FROM mail
       WHERE session = ? ORDER BY mail`,
    ),
    lastCopy: prepare<{ mail: number }, [number, string]>(
      `SELECT coalesce(max(mail), ?1) AS mail FROM mail WHERE session = ?2 AND mail < 0`,
    ),
    deleteCopies: prepare<never, [string, number]>(
      "DELETE FROM mail WHERE session = ? AND mail <= ?",
    ),
    moveMail: prepare<never, [string, string, number]>(
      "UPDATE mail SET session = ? WHERE session = ? AND mail > ?",
    ),
    deleteMailbox: prepare<never, [string]>("DELETE FROM mail WHERE session = ?"),
    countMail: prepare<MailCount, [number, string]>(
      `SELECT count(*) AS count, coalesce(max(mail), ?1) AS last FROM mail
       WHERE session = ?2 AND mail > ?1`,
    ),
    insertMail: prepare<never, SQLQueryBindings[]>(
      `INSERT INTO mail
         (session, mail, time_ms, clock_ms, network, sender, alias, recipients, chat, text,
          id, person, person_name)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    mailbox: prepare<MailboxEntry, [string]>(
      `SELECT mail, network, sender AS "from" FROM mail
       WHERE session = ? AND mail > 0 ORDER BY mail`,
    ),
    deleteMail: prepare<never, [string, number]>("DELETE FROM mail WHERE session = ? AND mail = ?"),
  };
}

function rightsStatements(prepare: Prepare) {
  return {
    rights: prepare<RightsRow, []>("SELECT key, value FROM rights ORDER BY key"),
    putRight: prepare<never, [string, string]>("INSERT OR REPLACE INTO rights VALUES (?, ?)"),
    right: prepare<{ value: string }, [string]>("SELECT value FROM rights WHERE key = ?"),
    deleteRight: prepare<never, [string]>("DELETE FROM rights WHERE key = ?"),
  };
}
