// Transactions of a data file and its write-ahead log. Between transactions a read transaction is
// held open, because starting one takes four file locks, a fifth of the cost of a small batch. It
// is let go to checkpoint the log. Meanwhile other programs can read the file, and write to it.

import { type Database, SQLiteError } from "bun:sqlite";
import { history as limits } from "../limits.ts";
import type { Statements } from "./sqlite-statements.ts";

const pageBytes = 4_096;
/** Pages that a slice of a sweep writes, at most. */
const slicePages = 50;

export class Transactions {
  readonly #db: Database;
  readonly #sql: Statements;
  /** A query with rows left to read, which is what holds a read transaction open. */
  #reader: Iterator<unknown> | undefined;
  /** Pages written to the log since the last checkpoint, about. */
  #pages = 0;

  constructor(db: Database, sql: Statements) {
    this.#db = db;
    this.#sql = sql;
  }

  /** Runs `work`, all of it or nothing. @throws what SQLite or `work` throws */
  run(work: () => void): void {
    this.#begin();
    try {
      work();
      this.#sql.commit.run();
    } catch (error) {
      this.rollBack();
      throw error;
    }
    // That of the sessions.
    this.#pages++;
    if (this.#pages >= limits.walPages) this.#checkpoint();
  }

  /** Accounts for rows that a transaction writes, each to another page, and for their text. */
  wrote(rows: number, bytes: number): void {
    this.#pages += rows + bytes / pageBytes;
  }

  /** Runs one slice of a sweep, which has transactions of its own; true if another is to follow. */
  runSlice(slice: () => boolean): boolean {
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
      // SQLite has rolled back by itself.
    }
  }

  close(): void {
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

  #checkpoint(): void {
    this.#release();
    this.#pages = 0;
    try {
      this.#db.run("PRAGMA wal_checkpoint(PASSIVE)");
    } catch {
      // The log grows until the next one.
    }
  }
}
