// What is known of sessions, in a data file. Beside the file it is remembered where the busy ones
// stand in it and what their indexed columns are: a message then changes one row in place, and no
// index.

import type { Directory, SessionRecord, Sessions, SessionUpdate } from "../chat/store.ts";
import type { Read } from "./sqlite-file.ts";
import type { Statements } from "./sqlite-statements.ts";

/** A row as the file has it. `clockMs` is when its age was written last. */
type Row = { key: number; name: string; network: string; clockMs: number };

/** Rows remembered beside the file; of more all are looked up again. */
const cachedRows = 8_192;

export class SqliteSessions implements Sessions, Directory {
  readonly #sql: Statements;
  readonly #read: Read;
  readonly #ageStepMs: number;
  readonly #rows = new Map<string, Row>();

  /**
   * A session's age in the file may be `ageStepMs` too much: it is not written with every message.
   */
  constructor(sql: Statements, read: Read, ageStepMs: number) {
    this.#sql = sql;
    this.#read = read;
    this.#ageStepMs = ageStepMs;
  }

  load(id: string): SessionRecord | undefined {
    return this.#read(() => this.#sql.session.get(id) ?? undefined);
  }

  find(name: string, sinceMs: number): SessionRecord | undefined {
    if (name === "") return undefined;
    return this.#read(() => this.#sql.sessionNamed.get(name, sinceMs) ?? undefined);
  }

  /** Writes a record, in a transaction. */
  put({ id, name, n, network, seenMs }: SessionUpdate, clockMs: number): void {
    const row = this.#rows.get(id);
    const hasSameIndexes =
      row?.name === name &&
      row.network === network &&
      row.clockMs >= clockMs - this.#ageStepMs &&
      this.#sql.touchSession.run(n, seenMs, row.key).changes === 1;
    if (!hasSameIndexes) {
      const { key } = this.#sql.putSession.get(id, name, n, network, seenMs, clockMs)!;
      this.#remember(id, { key, name, network, clockMs });
    }
    // Nobody is remembered for having come, said nothing, got nothing and gone.
    if (name === "" && n === 0 && this.#sql.removeBlank.run(id).changes > 0) this.forgot(id);
  }

  /**
   * The number of the next message to a session, in a transaction; one that is not known becomes
   * known by it.
   */
  nextMail(id: string, timeMs: number, clockMs: number): number {
    return this.#sql.nextMail.get(id, timeMs, clockMs)!.mail;
  }

  /** The session has been deleted. */
  forgot(id: string): void {
    this.#rows.delete(id);
  }

  /** The transaction has been rolled back. */
  rolledBack(): void {
    this.#rows.clear();
  }

  #remember(id: string, row: Row): void {
    if (this.#rows.size >= cachedRows && !this.#rows.has(id)) this.#rows.clear();
    this.#rows.set(id, row);
  }
}
