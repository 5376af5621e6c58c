// Sessions in a data file. Rows of busy sessions are cached, so that a message rewrites its
// session's row in place without touching an index. Among the rows of a name, the session that had
// it last has the highest key.

import type { SessionRecord, Sessions, SessionUpdate } from "../../chat/turn/store.ts";
import type { NewSession, Read, SessionRow, Statements } from "./statements.ts";

/** A session's row in the file, with the values of its indexed columns. */
type CachedRow = { key: number; name: string; network: string; clockMs: number };

/** Beyond this many rows or names, the cache is emptied. */
const maxCachedRows = 8_192;

export class SqliteSessions implements Sessions {
  readonly #sql: Statements;
  readonly #read: Read;
  readonly #clockStepMs: number;
  readonly #rows = new Map<string, CachedRow>();
  /** IDs by name: whose record with that name was written last. */
  readonly #holders = new Map<string, string>();

  /** A row's clock may lag by `clockStepMs`, because it is not written with every message. */
  constructor(sql: Statements, read: Read, clockStepMs: number) {
    this.#sql = sql;
    this.#read = read;
    this.#clockStepMs = clockStepMs;
  }

  load(id: string): SessionRecord | undefined {
    return this.#read(() => recordOf(this.#sql.session.get(id)));
  }

  find(name: string, sinceMs: number): SessionRecord | undefined {
    if (name === "") return undefined;
    return this.#read(() => recordOf(this.#sql.sessionNamed.get(name, sinceMs)));
  }

  /** Writes a record. Runs within a transaction. */
  put(update: SessionUpdate, clockMs: number): void {
    const { id, name, n, network, seenMs, continues } = update;
    const refused = update.refused ?? null;
    const row = this.#rows.get(id);
    const isUpdatedInPlace =
      continues === undefined &&
      row?.name === name &&
      row.network === network &&
      this.#holders.get(name) === id &&
      row.clockMs >= clockMs - this.#clockStepMs &&
      this.#sql.updateSession.run(n, refused, seenMs, row.key).changes === 1;
    if (!isUpdatedInPlace) {
      const before = continues && this.#sql.session.get(continues.session);
      const mail = before?.mail ?? 0;
      const values: NewSession = [id, name, n, refused, mail, network, seenMs, clockMs];
      const { key } = this.#sql.putSession.get(...values)!;
      this.#cache(id, { key, name, network, clockMs });
    }
    // A session that leaves without having sent or received anything is not kept.
    if (name === "" && n === 0 && this.#sql.deleteBlank.run(id).changes > 0) {
      this.#sql.deleteMailbox.run(id);
      this.forget(id);
    }
  }

  /** Assigns the next mail number, within a transaction. An unknown session gets a record. */
  nextMail(id: string, timeMs: number, clockMs: number): number {
    return this.#sql.nextMail.get(id, timeMs, clockMs)!.mail;
  }

  /** Tells the cache that the session's row was deleted. */
  forget(id: string): void {
    this.#rows.delete(id);
  }

  /** Call this after a rollback: the cache no longer matches the file. */
  clearCache(): void {
    this.#rows.clear();
    this.#holders.clear();
  }

  #cache(id: string, row: CachedRow): void {
    if (isFull(this.#rows, id) || isFull(this.#holders, row.name)) this.clearCache();
    this.#rows.set(id, row);
    this.#holders.set(row.name, id);
  }
}

function isFull(cache: ReadonlyMap<string, unknown>, key: string): boolean {
  return cache.size >= maxCachedRows && !cache.has(key);
}

function recordOf(row: SessionRow | null): SessionRecord | undefined {
  return row === null ? undefined : { ...row, refused: row.refused ?? undefined };
}
