// The history in an SQLite file: one transaction a turn, so that what `append` has taken survives the death of the process.

import type { Database, SQLQueryBindings } from "bun:sqlite";
import type { PrivateMessage, Said } from "../chat/events.ts";
import type { LogEntry, SessionRecord } from "../chat/history.ts";
import { ParleyError } from "../errors.ts";
import { type DataFile, type Synchronous, openDataFile, storageError } from "./sqlite-file.ts";
import { type MessageRow, statements } from "./sqlite-statements.ts";
import { Tidier } from "./sqlite-tidy.ts";
import { type Retention, type Store, defaultRetention, isBlank } from "./store.ts";

export type SqliteOptions = { synchronous?: Synchronous; retention?: Partial<Retention> };

export type SqliteHistory = Store & {
  /** The open file, for what else is kept in it. */
  readonly db: Database;
};

/**
 * Opens or makes a data file. Throws ParleyError `storage` if it can't be used; it is then left as it is.
 * @example openSqliteHistory("parley.db", { synchronous: "full" })
 */
export function openSqliteHistory(path: string, options: SqliteOptions = {}): SqliteHistory {
  const retention = { ...defaultRetention("disk"), ...options.retention };
  return new FileHistory(path, openDataFile(path, options.synchronous ?? "normal"), retention);
}

/** `id` 0: a room that is not in the file. */
type RoomNumbers = { id: number; first: number; last: number };

/** Rooms remembered beside the file; more are looked up again. */
const cachedRooms = 4_096;

class FileHistory implements SqliteHistory {
  readonly db: Database;
  readonly epoch: string;
  isInUse?: (room: string) => boolean;
  readonly #file: DataFile;
  readonly #retention: Retention;
  readonly #sql: ReturnType<typeof statements>;
  readonly #tidier: Tidier;
  #rooms = new Map<string, RoomNumbers>();

  constructor(
    readonly path: string,
    file: DataFile,
    retention: Retention,
  ) {
    this.#file = file;
    this.db = file.db;
    this.epoch = file.epoch;
    this.#retention = retention;
    this.#sql = statements(file.db);
    const forgotten = (room: string, first: number | undefined): void => {
      const numbers = this.#rooms.get(room);
      if (numbers === undefined) return;
      if (first === undefined) this.#rooms.delete(room);
      else numbers.first = first;
    };
    const isInUse = (room: string): boolean => this.isInUse?.(room) === true;
    this.#tidier = new Tidier(file.db, retention, forgotten, isInUse);
  }

  lastSeq(room: string): number {
    return this.#read(() => this.#room(room).last);
  }

  firstSeq(room: string): number {
    return this.#read(() => this.#first(this.#room(room)));
  }

  after(room: string, seq: number, limit: number): readonly Said[] {
    return this.#read(() => {
      const numbers = this.#room(room);
      const from = Math.max(seq + 1, this.#first(numbers));
      return this.#sql.after.all(numbers.id, from, limit).map((row) => said(room, row));
    });
  }

  before(room: string, seq: number, limit: number): readonly Said[] {
    return this.#read(() => {
      const numbers = this.#room(room);
      const to = Math.min(seq - 1, numbers.last);
      const rows = this.#sql.before.all(numbers.id, this.#first(numbers), to, limit);
      return rows.map((row) => said(room, row)).reverse();
    });
  }

  session(id: string): SessionRecord | undefined {
    return this.#read(() => this.#sql.session.get(id) ?? undefined);
  }

  sessionNamed(folded: string, sinceMs: number): SessionRecord | undefined {
    if (folded === "") return undefined;
    return this.#read(() => this.#sql.sessionNamed.get(folded, sinceMs) ?? undefined);
  }

  mailAfter(id: string, mail: number, limit: number): readonly PrivateMessage[] {
    return this.#read(() =>
      this.#sql.mailAfter.all(id, mail, limit).map((row) => ({
        type: "private",
        mail: row.mail,
        timeMs: row.time_ms,
        from: row.sender,
        alias: row.alias ?? undefined,
        to: JSON.parse(row.recipients) as string[],
        chat: row.chat === 1,
        text: row.text,
      })),
    );
  }

  append(turn: LogEntry): void {
    const changed = new Map<string, RoomNumbers>();
    try {
      this.#sql.begin.run();
      this.#appendSaid(turn.said, changed);
      for (const { session, message } of turn.mail) this.#appendMail(session, message);
      for (const record of turn.sessions) this.#putSession(record);
      this.#sql.commit.run();
    } catch (error) {
      this.#rollback();
      throw this.#error("written", error);
    }
    for (const [room, numbers] of changed) this.#remember(room, numbers);
  }

  tidy(nowMs: number): boolean {
    try {
      return this.#tidier.slice(nowMs);
    } catch {
      this.#rollback();
      return false;
    }
  }

  close(): void {
    this.#sql.finalize();
    this.#file.close();
  }

  #appendSaid(turn: readonly Said[], changed: Map<string, RoomNumbers>): void {
    if (turn.length === 0) return;
    const values: SQLQueryBindings[] = [];
    let room = "";
    let numbers: RoomNumbers | undefined;
    for (const { room: name, seq, timeMs, from, alias, text, n } of turn) {
      if (numbers === undefined || name !== room) {
        room = name;
        numbers = changed.get(name) ?? this.#ownNumbers(name, seq);
        changed.set(name, numbers);
      }
      if (seq !== numbers.last + 1) {
        throw new Error(`Message ${seq} of room '${name}' does not follow ${numbers.last}`);
      }
      numbers.last = seq;
      values.push(numbers.id, seq, timeMs, from, alias ?? null, text, n ?? null);
    }
    this.#sql.insertMessages(values);
  }

  /** A copy of the room's numbers for this turn; the file gets the room if it is new. */
  #ownNumbers(name: string, seq: number): RoomNumbers {
    const known = this.#room(name);
    if (known.id !== 0) return { ...known };
    const { lastInsertRowid } = this.#sql.insertRoom.run(name, seq, seq - 1);
    return { id: Number(lastInsertRowid), first: seq, last: seq - 1 };
  }

  #appendMail(session: string, message: PrivateMessage): void {
    const { mail, timeMs, from, alias, to, chat, text } = message;
    const recipients = JSON.stringify(to);
    const isChat = chat ? 1 : 0;
    this.#sql.insertMail.run(session, mail, timeMs, from, alias ?? null, recipients, isChat, text);
    this.#sql.boundMail.run(session, mail - this.#retention.mailMessages);
  }

  #putSession(record: SessionRecord): void {
    const { id, name, n, mail, seenMs } = record;
    if (isBlank(record)) this.#sql.removeSession.run(id);
    else this.#sql.putSession.run(id, name, n, mail, seenMs);
  }

  #room(name: string): RoomNumbers {
    const cached = this.#rooms.get(name);
    if (cached !== undefined) return cached;
    const row = this.#sql.room.get(name);
    if (row === null) {
      const floor = Number(this.#sql.floor.get()?.value ?? 0);
      return { id: 0, first: floor + 1, last: floor };
    }
    const numbers = { id: row.id, first: row.first_seq, last: Math.max(row.last_seq, row.newest) };
    this.#remember(name, numbers);
    return numbers;
  }

  #remember(name: string, numbers: RoomNumbers): void {
    if (this.#rooms.size >= cachedRooms && !this.#rooms.has(name)) this.#rooms.clear();
    this.#rooms.set(name, numbers);
  }

  /** The lowest number that counts as kept, whether or not what is under it has been deleted yet. */
  #first({ first, last }: RoomNumbers): number {
    return Math.max(first, last - this.#retention.messages + 1);
  }

  #read<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw this.#error("read", error);
    }
  }

  #error(done: string, error: unknown): ParleyError {
    return error instanceof ParleyError ? error : storageError(this.path, done, error);
  }

  #rollback(): void {
    try {
      if (this.db.inTransaction) this.#sql.rollback.run();
    } catch {
      // SQLite has rolled back by itself.
    }
  }
}

function said(room: string, row: MessageRow): Said {
  return {
    type: "said",
    room,
    seq: row.seq,
    timeMs: row.time_ms,
    from: row.sender,
    alias: row.alias ?? undefined,
    text: row.text,
    n: row.n ?? undefined,
    author: 0,
  };
}
