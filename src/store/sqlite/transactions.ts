// Transactions of a data file and its write-ahead log. A read transaction stays open between them,
// because starting one takes four file locks, a fifth of the cost of a small batch; it is released
// to checkpoint the log. Other programs can still read and write the file.
//
// A checkpoint waits until the log is on the disk, which takes several milliseconds per 1 000
// pages. Another thread therefore flushes the log first.

import { type Database, SQLiteError } from "bun:sqlite";
import { open } from "node:fs/promises";
import { steadyMs } from "../../io/clock.ts";
import { history as limits } from "../../limits.ts";
import type { PlaceCheck } from "./place-check.ts";
import type { Statements } from "./statements.ts";

const pageBytes = 4_096;
/** Maximum pages written per slice of a sweep. */
const slicePages = 50;

export class Transactions {
  readonly #db: Database;
  readonly #sql: Statements;
  readonly #place: PlaceCheck;
  /** An unfinished query keeps the read transaction open. */
  #reader: Iterator<unknown> | undefined;
  /** Approximate pages written to the log since the last checkpoint. */
  #pages = 0;
  #isFlushing = false;
  #isClosed = false;

  constructor(db: Database, sql: Statements, place: PlaceCheck) {
    this.#db = db;
    this.#sql = sql;
    this.#place = place;
  }

  /**
   * Runs `work` atomically.
   * @throws what SQLite or `work` throws
   */
  run(work: () => void): void {
    this.#place.check(steadyMs());
    this.#begin();
    try {
      work();
      this.#sql.commit.run();
    } catch (error) {
      this.rollBack();
      throw error;
    }
    // Counts the page with the session's row.
    this.#pages++;
    if (this.#pages >= limits.walPages) this.#checkpoint();
    else if (this.#pages >= limits.walFlushPages) void this.#flushAndCheckpoint();
  }

  /** Accounts for rows written by a transaction, each on its own page, and for their text. */
  noteWritten(rows: number, bytes: number): void {
    this.#pages += rows + bytes / pageBytes;
  }

  /** Runs one slice of a sweep, which uses its own transactions; true if another should follow. */
  runSlice(slice: () => boolean): boolean {
    this.#place.check(steadyMs());
    this.#release();
    const more = slice();
    this.#pages += slicePages;
    if (!more || this.#pages >= limits.walPages) this.#checkpoint();
    return more;
  }

  rollBack(): void {
    this.#release();
    try {
      if (this.#db.inTransaction) this.#sql.rollback.run();
    } catch {
      // SQLite has already rolled back.
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#release();
  }

  #begin(): void {
    try {
      if (this.#reader === undefined) {
        this.#reader = this.#sql.twoRows.iterate();
        this.#reader.next();
      }
      this.#sql.begin.run();
    } catch (error) {
      this.#release();
      const isStale = error instanceof SQLiteError && error.code === "SQLITE_BUSY_SNAPSHOT";
      if (!isStale) throw error;
      // Another program has written since the read transaction began.
      this.#sql.begin.run();
    }
  }

  #release(): void {
    this.#reader?.return?.();
    this.#reader = undefined;
  }

  async #flushAndCheckpoint(): Promise<void> {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    try {
      // SQLite doesn't lock this file, so closing it here releases none of its locks.
      await using log = await open(`${this.#db.filename}-wal`, "r+");
      await log.datasync();
    } catch {
      // The checkpoint flushes it.
    }
    this.#isFlushing = false;
    const isDue = this.#pages >= limits.walFlushPages;
    if (isDue && !this.#isClosed) this.#checkpoint();
  }

  #checkpoint(): void {
    this.#release();
    this.#pages = 0;
    try {
      this.#db.run("PRAGMA wal_checkpoint(PASSIVE)");
    } catch {
      // The log keeps growing until the next checkpoint.
    }
  }
}
