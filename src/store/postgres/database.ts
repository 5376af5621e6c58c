// A PostgreSQL database at one of several hosts: finds the primary, again after each failover, and
// distinguishes work that certainly was not done from work that may have been done.

import { SQL } from "bun";
import { errorMessage, ParleyError } from "../../errors.ts";
import { postgres as limits } from "../../limits.ts";
import type { DatabaseUrl } from "./database-url.ts";
import { StallWatch } from "./stall-watch.ts";

/** Values of a row, by column. */
export type Row = Readonly<Record<string, unknown>>;
export type Value = string | number | boolean | null | readonly string[] | readonly number[];
/** Runs one statement; `$1` and so on stand for the values. */
export type Run = <R = Row>(text: string, values?: readonly Value[]) => Promise<readonly R[]>;

/**
 * The connection was lost, nothing has answered for `statementSeconds`, or there is no primary at
 * the moment: the statement may have been executed, or may still be.
 */
export class DatabaseAway extends Error {}

/** Another statement has held a row or table for too long: this one was not executed. */
export class LockedOut extends DatabaseAway {}

/** The database has refused the statement, with this SQLSTATE. It was not executed. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly state: string,
  ) {
    super(message);
  }
}

/** SQLSTATEs after which a retry may succeed: serialization failure and deadlock. */
const conflicts = new Set(["40001", "40P01"]);
/** Another statement has held a row for too long, perhaps because it waits for a standby. */
const lockedOut = "55P03";
/** The server is no longer the primary, is starting or stopping, or has too many connections. */
const unavailable = /^(?:25006|57P0[1-3]|53300|08...)$/;
/** Bun's codes for a connection that could not be opened, or was lost. */
const lost = /^ERR_POSTGRES_(?:CONNECTION_|IDLE_TIMEOUT|LIFETIME_TIMEOUT|TLS_)/;

type Listener = {
  readonly channel: string;
  readonly heard: (payload: string) => void;
  readonly connected: () => void;
};

export class Database {
  readonly #url: DatabaseUrl;
  readonly #password: (host: string, port: number) => string;
  #current: Promise<SQL> | undefined;
  #closed = false;
  /** The first host to try: the last primary. */
  #first = 0;
  readonly #listeners = new Set<Listener>();
  readonly #statementSeconds: number;
  readonly #stalls: StallWatch;

  /** `statementSeconds`: longest wait for an answer. */
  constructor(
    url: DatabaseUrl,
    password: (host: string, port: number) => string,
    statementSeconds: number = limits.statementSeconds,
  ) {
    this.#url = url;
    this.#password = password;
    this.#statementSeconds = statementSeconds;
    this.#stalls = new StallWatch(statementSeconds);
  }

  /**
   * @throws DatabaseAway
   * @throws Refused
   */
  readonly run: Run = async <R>(text: string, values: readonly Value[] = []) => {
    for (let left: number = limits.conflictTries; ; left--) {
      const sql = await this.#connect();
      try {
        return await this.#guard(sql, runOn<R>(sql, text, values));
      } catch (error) {
        const known = this.#classify(sql, error);
        if (left > 1 && known instanceof Refused && conflicts.has(known.state)) continue;
        throw known;
      }
    }
  };

  /** Runs several statements without values, as one transaction, for as long as that takes. */
  async script(text: string): Promise<void> {
    const sql = await this.#connect();
    try {
      await sql.unsafe(text).simple();
    } catch (error) {
      throw this.#classify(sql, error);
    }
  }

  /** Runs `work` in a transaction. @throws what `work` throws, DatabaseAway, Refused */
  async transact<T>(work: (run: Run) => Promise<T>): Promise<T> {
    for (let left: number = limits.conflictTries; ; left--) {
      const sql = await this.#connect();
      try {
        const transaction = sql.begin((tx) =>
          work(<R>(text: string, values: readonly Value[] = []) => runOn<R>(tx, text, values)),
        );
        return await this.#guard(sql, transaction);
      } catch (error) {
        if (error instanceof ParleyError) throw error;
        const known = this.#classify(sql, error);
        if (left > 1 && known instanceof Refused && conflicts.has(known.state)) continue;
        throw known;
      }
    }
  }

  /**
   * Calls `heard` with each notification on a channel, from the current primary. `connected` is
   * called initially and after each loss of the connection, when notifications may have been
   * missed. Returns a function that stops listening. @throws DatabaseAway, Refused
   */
  async listen(
    channel: string,
    heard: (payload: string) => void,
    connected: () => void,
  ): Promise<() => void> {
    const listener = { channel, heard, connected };
    const sql = await this.#connect();
    this.#listeners.add(listener);
    try {
      await this.#subscribe(sql, listener);
    } catch (error) {
      this.#listeners.delete(listener);
      throw this.#classify(sql, error);
    }
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const finding = this.#current?.catch(() => undefined);
    this.#current = undefined;
    if (finding === undefined) return;
    const late = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => late.resolve(undefined), limits.closeSeconds * 1_000);
    const sql = await Promise.race([finding, late.promise]);
    clearTimeout(timer);
    // A primary that is found later is not needed any more.
    if (sql === undefined)
      void finding.then((found) => found?.close({ timeout: 0 }).catch(() => {}));
    await sql?.close({ timeout: limits.closeSeconds }).catch(() => {});
  }

  #connect(): Promise<SQL> {
    if (this.#closed) return Promise.reject(new DatabaseAway("The database is closed"));
    if (this.#current === undefined) {
      const finding = this.#findPrimary();
      this.#current = finding;
      finding.then(
        (sql) => this.#listenAgain(sql),
        () => {
          if (this.#current === finding) this.#current = undefined;
        },
      );
    }
    return this.#current;
  }

  /** Subscriptions end with the pool that they belong to. */
  #listenAgain(sql: SQL): void {
    for (const listener of this.#listeners) {
      this.#subscribe(sql, listener).catch(() => this.#drop(sql));
    }
  }

  async #subscribe(sql: SQL, listener: Listener): Promise<void> {
    const isOver = (): boolean => this.#closed || !this.#listeners.has(listener);
    await sql.listen(
      listener.channel,
      (payload) => {
        if (!isOver()) listener.heard(payload);
      },
      listener.connected,
    );
  }

  /** The first of the hosts that answers and is not a standby. @throws DatabaseAway */
  async #findPrimary(): Promise<SQL> {
    const { hosts } = this.#url;
    const problems: string[] = [];
    for (let i = 0; i < hosts.length && !this.#closed; i++) {
      const index = (this.#first + i) % hosts.length;
      const place = hosts[index];
      if (place === undefined) continue;
      const where = `${place.host}:${place.port}`;
      const sql = this.#open(place.host, place.port);
      try {
        const asked = runOn<{ standby: boolean }>(sql, "SELECT pg_is_in_recovery() AS standby", []);
        const [row] = await this.#guard(sql, asked);
        if (row?.standby === false) {
          this.#first = index;
          return sql;
        }
        problems.push(`${where} is a standby`);
      } catch (error) {
        problems.push(`${where}: ${errorMessage(error)}`);
      }
      await sql.close({ timeout: 0 }).catch(() => {});
    }
    throw new DatabaseAway(`No primary answers: ${problems.join("; ")}`);
  }

  #open(hostname: string, port: number): SQL {
    const { user, database, tls } = this.#url;
    return new SQL({
      adapter: "postgres",
      hostname,
      port,
      username: user,
      database,
      password: () => this.#password(hostname, port),
      tls,
      max: limits.connections,
      connectionTimeout: limits.connectSeconds,
      connection: {
        application_name: "parley",
        idle_session_timeout: "0",
        // So that an abandoned statement does not keep waiting.
        lock_timeout: `${this.#statementSeconds * 900}ms`,
      },
    });
  }

  /**
   * Never cancels a running statement: a commit that waits for its standby would look as if it were
   * done.
   */
  #guard<T>(sql: SQL, work: Promise<T>): Promise<T> {
    return this.#stalls.guard(work, () => {
      this.#drop(sql);
      return new DatabaseAway(`No answer for ${this.#statementSeconds} s`);
    });
  }

  /** Converts an error to one of ours. After a lost connection the primary is looked up again. */
  #classify(sql: SQL, error: unknown): Error {
    if (!(error instanceof Error)) return new Error(String(error));
    const { message } = error;
    if (!(error instanceof SQL.PostgresError)) return error;
    const { code, errno: state = "" } = error;
    const isAnswer = code === "ERR_POSTGRES_SERVER_ERROR" || code === "ERR_POSTGRES_SYNTAX_ERROR";
    if (isAnswer && state === lockedOut) return new LockedOut(message);
    if (isAnswer && !unavailable.test(state)) return new Refused(message, state);
    if (!isAnswer && !lost.test(code)) return error;
    this.#drop(sql);
    return new DatabaseAway(message);
  }

  /** The next statement looks up the primary again. */
  #drop(sql: SQL): void {
    const current = this.#current;
    void current?.then(
      (pool) => {
        if (pool !== sql || this.#current !== current) return;
        this.#current = undefined;
        void sql.close({ timeout: 0 }).catch(() => {});
      },
      () => {},
    );
  }
}

async function runOn<R>(
  sql: Pick<SQL, "unsafe">,
  text: string,
  values: readonly Value[],
): Promise<readonly R[]> {
  const rows: R[] = await sql.unsafe(text, values.map(withoutNul));
  return rows;
}

/** A text without NUL, which PostgreSQL refuses: what people ask for may contain it. */
function withoutNul(value: Value): Value {
  return typeof value === "string" && value.includes("\0")
    ? value.replaceAll("\0", "\ufffd")
    : value;
}
