// The store in an SQLite file. Each batch is one transaction, so everything that `commit` has
// returned survives a crash of the process.

import type { Database } from "bun:sqlite";
import type { Batch, Committed } from "../../chat/turn/store.ts";
import { ParleyError } from "../../errors.ts";
import { steadyMs } from "../../io/clock.ts";
import { LastBatch } from "../last-batch.ts";
import { retentionClock } from "../retention-clock.ts";
import { defaultRetention, type Retention } from "../retention.ts";
import type { ServerStore, StoreOptions } from "../server-store.ts";
import { storageError } from "./errors.ts";
import { type DataFile, openDataFile, type Synchronous } from "./file.ts";
import { SqliteMailboxes } from "./mailboxes.ts";
import { readMeta, writeMeta } from "./meta.ts";
import { SqliteAccounts } from "./accounts.ts";
import { SqliteRights } from "./rights.ts";
import { RoomAppender, SqliteRooms } from "./rooms.ts";
import { SqliteSessions } from "./sessions.ts";
import { type Statements, statements } from "./statements.ts";
import { SqliteSweep } from "./sweep.ts";
import { Transactions } from "./transactions.ts";

export type SqliteOptions = StoreOptions & {
  synchronous?: Synchronous;
  /** Sweeps fail, for this reason; called once for each reason in a row. */
  onSweepFailure?: ((error: ParleyError) => void) | undefined;
};

export type SqliteStore = ServerStore & {
  readonly accounts: SqliteAccounts;
  /** The open file, for other tables in it. Write to it only with `transact`. */
  readonly db: Database;
  /**
   * Shifts the times at which sessions were last seen as if no time had passed since the latest of
   * them, for a process whose clock says `nowMs`. Otherwise a system clock that is wrong at boot,
   * or a long repair, would free all names. Best effort: never throws.
   */
  resumeSessions(nowMs: number): void;
  /**
   * Runs `work` in a transaction.
   * @throws what SQLite or `work` throws
   */
  transact(work: () => void): void;
};

/**
 * Opens or creates a data file. A file that can't be used stays unchanged.
 * @throws ParleyError `storage`
 * @example openSqliteStore("parley.db", { synchronous: "full" })
 */
export function openSqliteStore(path: string, options: SqliteOptions = {}): SqliteStore {
  const retention = { ...defaultRetention("disk"), ...options.retention };
  const file = openDataFile(path, options.synchronous ?? "normal");
  const startMs = Number(readMeta(file.db, "clock_ms") ?? Date.now());
  const clock = options.clock ?? retentionClock(startMs, steadyMs, Date.now);
  return new FileStore(path, file, retention, clock, options.onSweepFailure ?? (() => {}));
}

class FileStore implements SqliteStore {
  readonly db: Database;
  readonly epoch: string;
  readonly rooms: SqliteRooms;
  readonly mailboxes: SqliteMailboxes;
  readonly sessions: SqliteSessions;
  readonly rights: SqliteRights;
  readonly accounts: SqliteAccounts;
  isInUse?: (room: string) => boolean;
  readonly #file: DataFile;
  readonly #sql: Statements;
  readonly #transactions: Transactions;
  readonly #sweep: SqliteSweep;
  readonly #last = new LastBatch();
  readonly #onSweepFailure: (error: ParleyError) => void;
  /** Why the last sweep failed; empty: it did not. */
  #sweepProblem = "";

  constructor(
    readonly path: string,
    file: DataFile,
    retention: Retention,
    readonly clock: () => number,
    onSweepFailure: (error: ParleyError) => void,
  ) {
    this.#onSweepFailure = onSweepFailure;
    this.#file = file;
    this.db = file.db;
    this.epoch = file.epoch;
    this.#sql = statements(file.db);
    this.#transactions = new Transactions(file.db, this.#sql, file.place);
    const read = <T>(query: () => T): T => this.#attempt("read", query);
    const write = <T>(work: () => T): T => this.#attempt("written", () => this.#transacted(work));
    this.rooms = new SqliteRooms(this.#sql, read, write, retention.messages);
    this.mailboxes = new SqliteMailboxes(this.#sql, read, retention.mailMessages);
    this.sessions = new SqliteSessions(this.#sql, read, retention.goodbyeAgeMs / 10);
    this.rights = new SqliteRights(this.#sql, read, write);
    this.accounts = new SqliteAccounts(file.db, read, write);
    const isInUse = (room: string): boolean => this.isInUse?.(room) === true;
    this.#sweep = new SqliteSweep(file.db, retention, this.rooms, this.sessions, isInUse);
  }

  commit(batch: Batch): Committed {
    const before = this.#last.committed(batch);
    if (before !== undefined) return before;
    const clockMs = this.clock();
    const appender = new RoomAppender(this.rooms, this.#sql);
    const committed = this.#attempt("written", () => {
      let numbers: Committed = { rooms: [], mail: [] };
      try {
        this.#transactions.run(() => {
          numbers = this.#write(batch, appender, clockMs);
        });
      } catch (error) {
        this.sessions.clearCache();
        throw error;
      }
      return numbers;
    });
    appender.committed();
    return this.#last.remember(batch, committed);
  }

  transact(work: () => void): void {
    this.#transactions.run(work);
  }

  resumeSessions(nowMs: number): void {
    try {
      this.#transactions.run(() => this.#sql.shiftSeen.run(nowMs));
    } catch {
      // If the disk is full, the system clock decides how long names are held.
    }
  }

  sweep(): boolean {
    const clockMs = this.clock();
    try {
      const more = this.#transactions.runSlice(() => this.#sweep.slice(clockMs));
      this.#sweepProblem = "";
      return more;
    } catch (error) {
      this.#transactions.rollBack();
      const failure =
        error instanceof ParleyError ? error : storageError(this.path, "written", error);
      if (failure.message !== this.#sweepProblem) this.#onSweepFailure(failure);
      this.#sweepProblem = failure.message;
      return false;
    }
  }

  close(): void {
    this.#transactions.close();
    try {
      writeMeta(this.db, "clock_ms", this.clock());
    } catch {
      // If the disk is full, the clock resumes from the last sweep.
    }
    this.#sql.finalize();
    this.accounts.close();
    this.#file.close();
  }

  #write(batch: Batch, appender: RoomAppender, clockMs: number): Committed {
    const rooms = batch.rooms.map((room) => appender.append(room, clockMs));
    for (const update of batch.sessions) {
      this.sessions.put(update, clockMs);
      if (update.continues !== undefined) this.mailboxes.takeOver(update.id, update.continues);
    }
    const mail = batch.mail.map((item) => {
      const { session, message } = item;
      this.#transactions.noteWritten(1, message.text.length);
      if (item.isCopy === true) {
        this.#sql.ensureSession.run(session, message.timeMs, clockMs);
        return this.mailboxes.appendCopy(item, clockMs);
      }
      const number = this.sessions.nextMail(session, message.timeMs, clockMs);
      this.mailboxes.append(item, number, clockMs);
      return number;
    });
    this.#transactions.noteWritten(appender.rows, appender.bytes);
    return { rooms, mail };
  }

  #transacted<T>(work: () => T): T {
    const done: T[] = [];
    this.#transactions.run(() => void done.push(work()));
    return done[0]!;
  }

  #attempt<T>(action: "read" | "written", work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw error instanceof ParleyError ? error : storageError(this.path, action, error);
    }
  }
}
