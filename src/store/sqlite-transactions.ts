// Transactions of a data file, and its write-ahead log. Between them a read transaction stays open:
// to begin one costs four locks of the system's, a fifth of what a small batch costs. It is given
// up now and then, since the log can't be moved into the file under it. Other programs may read the
// file meanwhile, and write to it.

import { type Database, SQLiteError } from "bun:sqlite";
import { history as limits } from "../limits.ts";
import type { Statements } from "./sqlite-statements.ts";

/** Pages of a transaction beside those of its text. */
const pagesPerTransaction = 3;
const pageBytes = 4_096;
/** Pages that a slice of sweeping changes at most, about. */
const pagesPerSlice = 50;

export class Transactions {
  readonly #db: Database;
  readonly #sql: Statements;
  /** A query that has not come to its end. */
  #held: Iterator<unknown> | undefined;
  /** Pages that were written since the log was moved into the file, about. */
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
    this.#pages += pagesPerTransaction;
    if (this.#pages >= limits.walPages) this.checkpoint();
  }

  /** Tells how much text a transaction has written, about. */
  wrote(bytes: number): void {
    this.#pages += bytes / pageBytes;
  }

  /** A slice of the file has been swept; `more` is false after the last one. */
  swept(more: boolean): void {
    this.#pages += pagesPerSlice;
    if (!more || this.#pages >= limits.walPages) this.checkpoint();
  }

  rollBack(): void {
    this.release();
    try {
      if (this.#db.inTransaction) this.#sql.rollback.run();
    } catch {
      // SQLite has rolled back by itself.
    }
  }

  /**
   * Moves the log into the file, as far as other programs have read it. What fails now is done
   * later.
   */
  checkpoint(): void {
    this.release();
    this.#pages = 0;
    try {
      this.#db.run("PRAGMA wal_checkpoint(PASSIVE)");
    } catch {
      // The log grows meanwhile.
    }
  }

  /** Gives up the read transaction that is held. */
  release(): void {
    this.#held?.return?.();
    this.#held = undefined;
  }

  #begin(): void {
    try {
      if (this.#held === undefined) {
        this.#held = this.#sql.held.iterate();
        this.#held.next();
      }
      this.#sql.begin.run();
    } catch (error) {
      this.release();
      // Another program has written to the file since.
      if (!(error instanceof SQLiteError) || error.code !== "SQLITE_BUSY_SNAPSHOT") throw error;
      this.#sql.begin.run();
    }
  }
}
