// Every statement that the history runs, prepared once. Rows go in several a statement: binding costs less than stepping.

import type { Database, SQLQueryBindings } from "bun:sqlite";
import type { SessionRecord } from "../chat/history.ts";

/** Rows of one INSERT; measured: 16 take 1.24 µs a row, 64 take 1.1, one 1.5. */
const rowsAtOnce = 32;
const messageColumns = 7;

export type MessageRow = {
  seq: number;
  time_ms: number;
  sender: string;
  alias: string | null;
  text: string;
  n: number | null;
};

type RoomRow = { id: number; first_seq: number; last_seq: number; newest: number };
type MailRow = {
  mail: number;
  time_ms: number;
  sender: string;
  alias: string | null;
  recipients: string;
  chat: number;
  text: string;
};

const messageFields = "seq, time_ms, sender, alias, text, n";
const sessionFields = "id, name, n, mail, seen_ms AS seenMs";

/** Prepares a statement, which is finalized with the others. */
type Prepare = <Row, Values extends SQLQueryBindings[]>(
  sql: string,
) => ReturnType<typeof Database.prototype.prepare<Row, Values>>;

export function statements(db: Database) {
  const prepared: { finalize(): void }[] = [];
  const prepare: Prepare = <Row, Values extends SQLQueryBindings[]>(sql: string) => {
    const statement = db.prepare<Row, Values>(sql);
    prepared.push(statement);
    return statement;
  };
  return {
    begin: prepare<never, []>("BEGIN IMMEDIATE"),
    commit: prepare<never, []>("COMMIT"),
    rollback: prepare<never, []>("ROLLBACK"),
    ...ofRooms(prepare),
    ...ofSessions(prepare),
    ...ofMail(prepare),
    finalize(): void {
      for (const statement of prepared) statement.finalize();
    },
  };
}

function ofRooms(prepare: Prepare) {
  const row = `(${Array(messageColumns).fill("?").join(", ")})`;
  const insert = "INSERT INTO messages (room, seq, time_ms, sender, alias, text, n) VALUES ";
  const insertOne = prepare<never, SQLQueryBindings[]>(insert + row);
  const rows = Array(rowsAtOnce).fill(row).join(", ");
  const insertMany = prepare<never, SQLQueryBindings[]>(insert + rows);
  return {
    room: prepare<RoomRow, [string]>(
      `SELECT id, first_seq, last_seq, coalesce((SELECT max(seq) FROM messages WHERE room = rooms.id), 0) AS newest
       FROM rooms WHERE name = ?`,
    ),
    insertRoom: prepare<never, [string, number, number]>(
      "INSERT INTO rooms (name, first_seq, last_seq) VALUES (?, ?, ?)",
    ),
    after: prepare<MessageRow, [number, number, number]>(
      `SELECT ${messageFields} FROM messages WHERE room = ? AND seq >= ? ORDER BY seq LIMIT ?`,
    ),
    before: prepare<MessageRow, [number, number, number, number]>(
      `SELECT ${messageFields} FROM messages WHERE room = ? AND seq >= ? AND seq <= ?
       ORDER BY seq DESC LIMIT ?`,
    ),
    /** Inserts rows whose values stand one after the other. */
    insertMessages(values: SQLQueryBindings[]): void {
      const step = rowsAtOnce * messageColumns;
      let at = 0;
      for (; at + step <= values.length; at += step) {
        insertMany.run(...values.slice(at, at + step));
      }
      for (; at < values.length; at += messageColumns) {
        insertOne.run(...values.slice(at, at + messageColumns));
      }
    },
  };
}

function ofSessions(prepare: Prepare) {
  return {
    session: prepare<SessionRecord, [string]>(`SELECT ${sessionFields} FROM sessions WHERE id = ?`),
    sessionNamed: prepare<SessionRecord, [string, number]>(
      `SELECT ${sessionFields} FROM sessions WHERE name = ? AND name <> '' AND seen_ms >= ?
       ORDER BY seen_ms DESC, id DESC LIMIT 1`,
    ),
    floor: prepare<{ value: string }, []>("SELECT value FROM meta WHERE key = 'floor'"),
    putSession: prepare<never, [string, string, number, number, number]>(
      `INSERT INTO sessions (id, name, n, mail, seen_ms) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET name = excluded.name, n = excluded.n, mail = excluded.mail, seen_ms = excluded.seen_ms`,
    ),
    removeSession: prepare<never, [string]>("DELETE FROM sessions WHERE id = ?"),
  };
}

function ofMail(prepare: Prepare) {
  return {
    mailAfter: prepare<MailRow, [string, number, number]>(
      `SELECT mail, time_ms, sender, alias, recipients, chat, text FROM mail
       WHERE session = ? AND mail > ? ORDER BY mail LIMIT ?`,
    ),
    insertMail: prepare<never, SQLQueryBindings[]>(
      `INSERT INTO mail (session, mail, time_ms, sender, alias, recipients, chat, text)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    boundMail: prepare<never, [string, number]>("DELETE FROM mail WHERE session = ? AND mail <= ?"),
  };
}
