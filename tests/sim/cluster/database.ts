// A simulated PostgreSQL, shared by several servers: transactions one after another, on its own
// clock; notifications after each commit; and, for each server, a network that is slow, loses
// answers, is cut, and loses notifications.

import { postgres as limits } from "../../../src/limits.ts";
import { hostSecretRow } from "../../../src/chat/rights/rights.ts";
import type { Row, Run, Value } from "../../../src/store/postgres/database.ts";
import { DatabaseAway, Refused } from "../../../src/store/postgres/database.ts";
import type { DatabasePort } from "../../../src/store/postgres/database-port.ts";
import type { VirtualClock } from "../chat/virtual-clock.ts";
import type { Done } from "./commit.ts";
import { type Context, execute } from "./statements.ts";
import { type Swept, Tables } from "./tables.ts";

export type DatabaseEvents = {
  /** This must never happen. */
  failed?(what: string): void;
  /** A batch was committed, for the first time. */
  committed(done: Done): void;
  /** Retention has deleted something. */
  swept?(what: Swept): void;
  /** A statement was executed. */
  ran(text: string, values: readonly Value[]): void;
};

/** Maximum payload of a notification with messages; smaller in some runs, so that more is read. */
export type DatabaseOptions = { payloadBytes: number; epoch: string; lie?: Lie | undefined };

/** A faulty database's replacement for a statement; undefined: the correct behaviour. */
export type Lie = (
  context: Context,
  text: string,
  values: readonly Value[],
) => readonly Row[] | undefined;

type Transaction = {
  readonly run: (text: string, values: readonly Value[]) => readonly Row[];
  readonly commit: () => void;
  readonly rollBack: () => void;
};

export class SimulatedDatabase {
  readonly tables = new Tables();
  /** The primary is dead, and the standby is not promoted yet. */
  isAway = false;
  /** The number of executed statements, and of bytes in notifications, to measure work. */
  statements = 0;
  notifications = 0;
  readonly #listeners = new Set<(payload: string) => void>();
  #transaction = 0;

  constructor(
    readonly clock: VirtualClock,
    readonly options: DatabaseOptions,
    readonly events: DatabaseEvents,
  ) {
    // The first server would generate a random one, and a seed would not be reproducible.
    const { key, value } = hostSecretRow("of-a-simulation");
    this.tables.rights.put(key, value, []);
  }

  /** One statement. @throws Refused */
  run(text: string, values: readonly Value[]): readonly Row[] {
    const transaction = this.begin();
    try {
      const rows = transaction.run(text, values);
      transaction.commit();
      return rows;
    } catch (error) {
      transaction.rollBack();
      throw error;
    }
  }

  /** A transaction, at this moment. */
  begin(): Transaction {
    const undo: (() => void)[] = [];
    const notes: object[] = [];
    const done: Done[] = [];
    const deleted: Swept[] = [];
    const context = {
      tables: this.tables,
      nowMs: this.clock.nowMs,
      epoch: this.options.epoch,
      undo,
      notify: (note: object) => void notes.push(note),
      committed: (what: Done) => void done.push(what),
      swept: (what: Swept) => void deleted.push(what),
    };
    const run = (text: string, values: readonly Value[]): readonly Row[] => {
      this.statements++;
      const lie = this.options.lie?.(context, text, values);
      const rows = lie ?? execute(context, text, values);
      this.events.ran(text, values);
      return rows;
    };
    const commit = (): void => {
      for (const what of done) this.events.committed(what);
      for (const what of deleted) this.events.swept?.(what);
      for (const note of notes) this.#tell(note);
    };
    const rollBack = (): void => {
      for (const back of undo.reverse()) back();
    };
    return { run, commit, rollBack };
  }

  /** Calls `heard` with each notification from now on. */
  listen(heard: (payload: string) => void): () => void {
    this.#listeners.add(heard);
    return () => void this.#listeners.delete(heard);
  }

  /** Like `parley.tell`. */
  #tell(note: object): void {
    const whole = JSON.stringify(note);
    const { payloadBytes } = this.options;
    const from = "from" in note ? String(note.from) : "";
    const isSmall = Buffer.byteLength(whole) <= payloadBytes || !("pieces" in note);
    const parts = Math.ceil(whole.length / payloadBytes);
    this.#transaction++;
    if (isSmall) this.#notify(whole);
    else if (parts > limits.noticeParts) this.#notify(JSON.stringify({ from, isLarge: true }));
    else {
      for (let i = 0; i < parts; i++) {
        const text = whole.slice(i * payloadBytes, (i + 1) * payloadBytes);
        this.#notify(`${from} ${this.#transaction} ${i + 1} ${parts}\n${text}`);
      }
    }
  }

  #notify(payload: string): void {
    this.notifications++;
    for (const heard of this.#listeners) heard(payload);
  }
}

/** The condition of a server's connections to its database. */
export type LinkCondition = "fine" | "slow" | "forgetful" | "deaf" | "cut";

/** One server's connections. */
export class DatabaseLink implements DatabasePort {
  condition: LinkCondition = "fine";
  readonly #database: SimulatedDatabase;
  readonly #random: () => number;
  /** Runs something in the server's process, once it runs. */
  readonly #deliver: (work: () => void) => void;
  readonly #listeners = new Set<{ heard: (payload: string) => void; connected: () => void }>();
  /** Ends with the process. */
  readonly #stop: () => void;
  #isListening = true;
  #breaks = 0;
  #lastNoticeMs = 0;

  constructor(
    database: SimulatedDatabase,
    random: () => number,
    deliver: (work: () => void) => void,
  ) {
    this.#database = database;
    this.#random = random;
    this.#deliver = deliver;
    this.#stop = database.listen((payload) => this.#hear(payload));
  }

  /**
   * Breaks all connections: the outcome of unanswered statements is unknown, and notifications are
   * missed.
   */
  break(): void {
    this.#breaks++;
    this.#isListening = false;
  }

  close(): void {
    this.break();
    this.#stop();
  }

  readonly run: Run = <R = Row>(
    text: string,
    values: readonly Value[] = [],
  ): Promise<readonly R[]> =>
    this.#request((database) => database.run(text, values) as readonly R[]);

  script(): Promise<void> {
    return Promise.reject(new Error("The simulated database has its tables"));
  }

  /** Statements of a transaction are answered immediately, so that it is one event. */
  transact<T>(work: (run: Run) => Promise<T>): Promise<T> {
    return this.#request(async (database) => {
      const { run, commit, rollBack } = database.begin();
      try {
        const result = await work(async <R = Row>(text: string, values: readonly Value[] = []) => {
          return run(text, values) as readonly R[];
        });
        commit();
        return result;
      } catch (error) {
        rollBack();
        if (!(error instanceof Refused)) database.events.failed?.(String(error));
        throw error;
      }
    });
  }

  async listen(
    _channel: string,
    heard: (payload: string) => void,
    connected: () => void,
  ): Promise<() => void> {
    await this.run("SELECT folded FROM parley.accounts");
    const listener = { heard, connected };
    this.#listeners.add(listener);
    connected();
    return () => void this.#listeners.delete(listener);
  }

  get #isCut(): boolean {
    return this.condition === "cut" || this.#database.isAway;
  }

  #latencyMs(): number {
    const most = this.condition === "slow" ? 1_500 : this.#random() < 0.02 ? 200 : 4;
    return 0.3 + this.#random() * most;
  }

  /**
   * Executes `work` at the database, and answers. Work interrupted in between may have been done.
   */
  #request<T>(work: (database: SimulatedDatabase) => T | Promise<T>): Promise<T> {
    const { clock } = this.#database;
    return new Promise((resolve, reject) => {
      const breaks = this.#breaks;
      const lose = (): void => {
        // A lost connection is noticed immediately, or when nothing has arrived for a while.
        const delayMs = this.#random() < 0.5 ? 1 : 2_000 * this.#random();
        clock.after(delayMs, () =>
          this.#deliver(() => reject(new DatabaseAway("The connection was lost"))),
        );
      };
      const carryOut = (): void => {
        let outcome: () => void;
        try {
          const result = work(this.#database);
          const settled = Promise.resolve(result).then(
            (value) => () => resolve(value),
            (error: unknown) => () => reject(error),
          );
          outcome = () => void settled.then((settle) => settle());
        } catch (error) {
          if (!(error instanceof Refused)) throw error;
          outcome = () => reject(error);
        }
        const forgets = this.condition === "forgetful" && this.#random() < 0.3;
        clock.after(this.#latencyMs(), () => {
          if (breaks !== this.#breaks || this.#isCut || forgets) return lose();
          this.#deliver(outcome);
        });
      };
      clock.after(this.#latencyMs(), () => {
        if (breaks === this.#breaks && !this.#isCut) return carryOut();
        lose();
        // The database has read it before the connection broke, and had to wait for a lock.
        if (this.#random() < 0.2)
          clock.after(this.#random() * 3_000, () => this.#carryOutLate(work));
      });
    });
  }

  #carryOutLate(work: (database: SimulatedDatabase) => unknown): void {
    if (this.#database.isAway) return;
    try {
      Promise.resolve(work(this.#database)).catch(() => {});
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    }
  }

  #hear(payload: string): void {
    const { clock } = this.#database;
    if (this.#isCut) this.#isListening = false;
    if (!this.#isListening || this.condition === "deaf") return;
    const breaks = this.#breaks;
    // In order, except for some that are late.
    const late = this.#random() < 0.03 ? this.#random() * 3_000 : 0;
    const dueMs = Math.max(this.#lastNoticeMs, clock.nowMs + 0.3 + this.#random() * 4);
    if (late === 0) this.#lastNoticeMs = dueMs;
    clock.after(dueMs + late - clock.nowMs, () => {
      if (breaks !== this.#breaks || this.#isCut || !this.#isListening) return;
      this.#deliver(() => {
        for (const { heard } of this.#listeners) heard(payload);
      });
    });
  }

  /** The listening connection is back, some time after the others. */
  listenAgain(): void {
    if (this.#isCut || this.#isListening) return;
    this.#isListening = true;
    this.#deliver(() => {
      for (const { connected } of this.#listeners) connected();
    });
  }
}
