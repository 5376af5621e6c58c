// The store in an SQLite file: one transaction a batch, so that what `commit` has taken survives the death of the process.

import type { Database } from "bun:sqlite";
import type { PrivateMessage } from "../chat/events.ts";
import type {
  Batch,
  Committed,
  Directory,
  Mailboxes,
  SessionRecord,
  Sessions,
  SessionUpdate,
} from "../chat/store.ts";
import { ParleyError } from "../errors.ts";
import { steadyMs } from "../io/clock.ts";
import { isTrimDue, surplusMail } from "./mailbox-shares.ts";
import { retentionClock } from "./retention-clock.ts";
import { type DataFile, type Synchronous, openDataFile, storageError } from "./sqlite-file.ts";
import { readMeta, writeMeta } from "./sqlite-meta.ts";
import { RoomChanges, SqliteRooms } from "./sqlite-rooms.ts";
import { statements } from "./sqlite-statements.ts";
import { SqliteSweep } from "./sqlite-sweep.ts";
import {
  defaultRetention,
  LastBatch,
  type Retention,
  type Store,
  type StoreOptions,
} from "./store.ts";

export type SqliteOptions = StoreOptions & { synchronous?: Synchronous };

export type SqliteStore = Store & {
  /** The open file, for what else is kept in it. */
  readonly db: Database;
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

type Statements = ReturnType<typeof statements>;
/** Runs a query; what SQLite throws becomes a ParleyError. */
type Read = <T>(query: () => T) => T;

class FileStore implements SqliteStore {
  readonly db: Database;
  readonly epoch: string;
  readonly rooms: SqliteRooms;
  readonly mailboxes: Mailboxes;
  readonly sessions: Sessions;
  readonly directory: Directory;
  isInUse?: (room: string) => boolean;
  readonly #file: DataFile;
  readonly #sql: Statements;
  readonly #sweep: SqliteSweep;
  readonly #last = new LastBatch();
  readonly #mailMessages: number;
  /** A session's age in the file is exact to this: an index has it, so it is not written with every message. */
  readonly #ageStepMs: number;

  constructor(
    readonly path: string,
    file: DataFile,
    retention: Retention,
    readonly clock: () => number,
  ) {
    this.#file = file;
    this.db = file.db;
    this.epoch = file.epoch;
    this.#mailMessages = retention.mailMessages;
    this.#ageStepMs = retention.goodbyeAgeMs / 10;
    this.#sql = statements(file.db);
    const read: Read = (query) => this.#attempt("read", query);
    this.rooms = new SqliteRooms(this.#sql, read, retention.messages);
    this.mailboxes = mailboxes(this.#sql, read);
    this.sessions = sessions(this.#sql, read);
    this.directory = directory(this.#sql, read);
    const isInUse = (room: string): boolean => this.isInUse?.(room) === true;
    this.#sweep = new SqliteSweep(file.db, retention, this.rooms, isInUse);
  }

  commit(batch: Batch): Committed {
    const repeated = this.#last.repeated(batch);
    if (repeated !== undefined) return repeated;
    const clockMs = this.clock();
    const changes = new RoomChanges(this.rooms, this.#sql);
    const committed = this.#attempt("written", () => {
      try {
        this.#sql.begin.run();
        const rooms = batch.rooms.map((room) => changes.append(room, clockMs));
        for (const update of batch.sessions) this.#putSession(update, clockMs);
        const mail = batch.mail.map(({ session, message }) =>
          this.#appendMail(session, message, clockMs),
        );
        this.#sql.commit.run();
        return { rooms, mail };
      } catch (error) {
        this.#rollback();
        throw error;
      }
    });
    changes.keep();
    return this.#last.remember(batch, committed);
  }

  sweep(): boolean {
    try {
      return this.#sweep.slice(this.clock());
    } catch {
      this.#rollback();
      return false;
    }
  }

  close(): void {
    this.#saveClock();
    this.#sql.finalize();
    this.#file.close();
  }

  #saveClock(): void {
    try {
      writeMeta(this.db, "clock_ms", this.clock());
    } catch {
      // On a full disk the clock goes on from where it was last swept.
    }
  }

  #putSession({ id, name, n, network, seenMs }: SessionUpdate, clockMs: number): void {
    const sql = this.#sql;
    const exactMs = clockMs - this.#ageStepMs;
    if (sql.touchSession.run(n, seenMs, id, name, network, exactMs).changes === 0) {
      sql.putSession.run(id, name, n, network, seenMs, clockMs);
    }
    // Nobody is remembered for having come, said nothing, got nothing and gone.
    if (name === "" && n === 0) sql.removeBlank.run(id);
  }

  /** The answer is the message's number. */
  #appendMail(
    session: string,
    { timeMs, from, alias, to, chat, text }: Omit<PrivateMessage, "mail">,
    clockMs: number,
  ): number {
    const sql = this.#sql;
    const mail = sql.nextMail.get(session, timeMs, clockMs)!.mail;
    const recipients = JSON.stringify(to);
    const isChat = chat ? 1 : 0;
    const sender = [from, alias ?? null] as const;
    sql.insertMail.run(session, mail, timeMs, clockMs, ...sender, recipients, isChat, text);
    if (mail > this.#mailMessages && isTrimDue(mail, this.#mailMessages)) {
      const gone = surplusMail(sql.mailbox.all(session), this.#mailMessages);
      for (const number of gone) sql.removeMail.run(session, number);
    }
    return mail;
  }

  #attempt<T>(done: "read" | "written", work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw error instanceof ParleyError ? error : storageError(this.path, done, error);
    }
  }

  #rollback(): void {
    try {
      if (this.db.inTransaction) this.#sql.rollback.run();
    } catch {
      // SQLite has rolled back by itself.
    }
  }
}

function mailboxes(sql: Statements, read: Read): Mailboxes {
  return {
    after(session, mail, limit): PrivateMessage[] {
      return read(() =>
        sql.mailAfter.all(session, mail, limit).map((row) => ({
          type: "private",
          mail: row.mail,
          timeMs: row.time_ms,
          from: row.sender,
          alias: row.alias ?? undefined,
          to: JSON.parse(row.recipients),
          chat: row.chat === 1,
          text: row.text,
        })),
      );
    },
  };
}

function sessions(sql: Statements, read: Read): Sessions {
  return {
    load(id): SessionRecord | undefined {
      return read(() => sql.session.get(id) ?? undefined);
    },
  };
}

function directory(sql: Statements, read: Read): Directory {
  return {
    find(name, sinceMs): SessionRecord | undefined {
      return name === "" ? undefined : read(() => sql.sessionNamed.get(name, sinceMs) ?? undefined);
    },
  };
}
