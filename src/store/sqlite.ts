// The store in an SQLite file: one transaction a batch, so that what `commit` has taken survives
// the death of the process.

import type { Database } from "bun:sqlite";
import type { Batch, Committed } from "../chat/store.ts";
import { ParleyError } from "../errors.ts";
import { steadyMs } from "../io/clock.ts";
import { retentionClock } from "./retention-clock.ts";
import { type DataFile, openDataFile, type Read, storageError } from "./sqlite-file.ts";
import type { Synchronous } from "./sqlite-file.ts";
import { SqliteMailboxes } from "./sqlite-mailboxes.ts";
import { readMeta, writeMeta } from "./sqlite-meta.ts";
import { RoomChanges, SqliteRooms } from "./sqlite-rooms.ts";
import { SqliteSessions } from "./sqlite-sessions.ts";
import { type Statements, statements } from "./sqlite-statements.ts";
import { SqliteSweep } from "./sqlite-sweep.ts";
import { Transactions } from "./sqlite-transactions.ts";
import {
  defaultRetention,
  LastBatch,
  type Retention,
  type Store,
  type StoreOptions,
} from "./store.ts";

export type SqliteOptions = StoreOptions & { synchronous?: Synchronous };

export type SqliteStore = Store & {
  /** The open file, for what else is kept in it. It is written to by `transact` alone. */
  readonly db: Database;
  /** Writes to the file, all of it or nothing. @throws what SQLite or `work` throws */
  transact(work: () => void): void;
};

/**
 * Opens or makes a data file. A file that can't be used is left as it is.
 * @throws ParleyError `storage`
 * @example openSqliteStore("parley.db", { synchronous: "full" })
 */
export function openSqliteStore(path: string, options: SqliteOptions = {}): SqliteStore {
  const retention = { ...defaultRetention("disk"), ...options.retention };
  const file = openDataFile(path, options.synchronous ?? "normal");
  const startMs = Number(readMeta(file.db, "clock_ms") ?? Date.now());
  const clock = options.clock ?? retentionClock(startMs, steadyMs, Date.now);
  return new FileStore(path, file, retention, clock);
}

class FileStore implements SqliteStore {
  readonly db: Database;
  readonly epoch: string;
  readonly rooms: SqliteRooms;
  readonly mailboxes: SqliteMailboxes;
  readonly sessions: SqliteSessions;
  isInUse?: (room: string) => boolean;
  readonly #file: DataFile;
  readonly #sql: Statements;
  readonly #transactions: Transactions;
  readonly #sweep: SqliteSweep;
  readonly #last = new LastBatch();

  constructor(
    readonly path: string,
    file: DataFile,
    retention: Retention,
    readonly clock: () => number,
  ) {
    this.#file = file;
    this.db = file.db;
    this.epoch = file.epoch;
    this.#sql = statements(file.db);
    this.#transactions = new Transactions(file.db, this.#sql);
    const read: Read = (query) => this.#attempt("read", query);
    this.rooms = new SqliteRooms(this.#sql, read, retention.messages);
    this.mailboxes = new SqliteMailboxes(this.#sql, read, retention.mailMessages);
    this.sessions = new SqliteSessions(this.#sql, read, retention.goodbyeAgeMs / 10);
    const isInUse = (room: string): boolean => this.isInUse?.(room) === true;
    this.#sweep = new SqliteSweep(file.db, retention, this.rooms, this.sessions, isInUse);
  }

  get directory(): SqliteSessions {
    return this.sessions;
  }

  commit(batch: Batch): Committed {
    const repeated = this.#last.repeated(batch);
    if (repeated !== undefined) return repeated;
    const clockMs = this.clock();
    const changes = new RoomChanges(this.rooms, this.#sql);
    let committed: Committed = { rooms: [], mail: [] };
    this.#attempt("written", () => {
      try {
        this.#transactions.run(() => {
          committed = this.#write(batch, changes, clockMs);
        });
      } catch (error) {
        this.sessions.rolledBack();
        throw error;
      }
    });
    changes.keep();
    return this.#last.remember(batch, committed);
  }

  transact(work: () => void): void {
    this.#transactions.run(work);
  }

  sweep(): boolean {
    const clockMs = this.clock();
    try {
      this.#transactions.release();
      const more = this.#sweep.slice(clockMs);
      this.#transactions.swept(more);
      return more;
    } catch {
      this.#transactions.rollBack();
      return false;
    }
  }

  close(): void {
    this.#transactions.release();
    try {
      writeMeta(this.db, "clock_ms", this.clock());
    } catch {
      // On a full disk the clock goes on from the last sweep.
    }
    this.#sql.finalize();
    this.#file.close();
  }

  #write(batch: Batch, changes: RoomChanges, clockMs: number): Committed {
    const rooms = batch.rooms.map((room) => changes.append(room, clockMs));
    for (const update of batch.sessions) this.sessions.put(update, clockMs);
    const mail = batch.mail.map(({ session, message }) => {
      const number = this.sessions.nextMail(session, message.timeMs, clockMs);
      this.mailboxes.append(session, { ...message, mail: number }, clockMs);
      this.#transactions.wrote(message.text.length);
      return number;
    });
    this.#transactions.wrote(changes.bytes);
    return { rooms, mail };
  }

  #attempt<T>(done: "read" | "written", work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw error instanceof ParleyError ? error : storageError(this.path, done, error);
    }
  }
}
