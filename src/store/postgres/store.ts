// The store in PostgreSQL: answers the hub's requests, each in its own time. What has an unknown
// outcome is said to be unknown; the hub asks again.

import type {
  Committed,
  Batch,
  SessionRecord,
  StoreReply,
  StoreRequest,
} from "../../chat/store.ts";
import type { RightsChange, RightsRow } from "../../chat/rights/rights-rows.ts";
import { ParleyError } from "../../errors.ts";
import { steadyMs } from "../../io/clock.ts";
import { postgres as limits } from "../../limits.ts";
import { secretText } from "../../secrets.ts";
import { retentionClock } from "../retention-clock.ts";
import { defaultRetention, type Retention } from "../retention.ts";
import { newEpoch } from "../server-store.ts";
import { PostgresAccounts } from "./accounts.ts";
import { batchJson } from "./batch-json.ts";
import { type Database, DatabaseAway, Refused } from "./database.ts";
import { PostgresMailboxes } from "./mailboxes.ts";
import { migrate } from "./migrate.ts";
import { PostgresRooms } from "./rooms.ts";
import { PostgresSweep } from "./sweep.ts";

export type PostgresOptions = {
  /** Of the server's key, which all servers of the database share; empty: it has none. */
  pin?: string | undefined;
  retention?: Partial<Retention> | undefined;
  /** Milliseconds by which data ages (retention-clock.ts); never goes back. */
  clock?: (() => number) | undefined;
};

type SessionRow = {
  id: string;
  name: string;
  n: number | string;
  mail: number | string;
  network: string;
  seen: number | string;
};

const sessionColumns = "id, name, n, mail, network, seen_ms AS seen";

export class PostgresStore {
  readonly epoch: string;
  /** This process among the servers of the database. */
  readonly serverId: string;
  readonly #database: Database;
  readonly #rooms: PostgresRooms;
  readonly #mailboxes: PostgresMailboxes;
  readonly #accounts: PostgresAccounts;
  readonly #sweep: PostgresSweep;
  readonly #clock: () => number;
  readonly #clockStepMs: number;

  /** @throws ParleyError `storage`, DatabaseAway, Refused */
  static async open(database: Database, options: PostgresOptions = {}): Promise<PostgresStore> {
    await migrate(database, newEpoch());
    const meta = await database.run<{ key: string; value: string }>(
      "SELECT key, value FROM parley.meta",
    );
    const values = new Map(meta.map(({ key, value }) => [key, value]));
    const startMs = Number(values.get("clock_ms") ?? Date.now());
    const serverId = secretText(9);
    const { pin = "" } = options;
    const [other] = await database.run<{ pin: string }>(
      `WITH added AS (
         INSERT INTO parley.servers (id, pin, expires)
         VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond'))
       SELECT pin FROM parley.servers WHERE expires > clock_timestamp() LIMIT 1`,
      [serverId, pin, limits.leaseMs],
    );
    if (other !== undefined) {
      await database.run("DELETE FROM parley.servers WHERE id = $1", [serverId]);
      throw new ParleyError("storage", "Another server uses the database: stop it first");
    }
    return new PostgresStore(database, values.get("epoch") ?? "", serverId, {
      retention: { ...defaultRetention("disk"), ...options.retention },
      clock: options.clock ?? retentionClock(startMs, steadyMs, Date.now),
    });
  }

  private constructor(
    database: Database,
    epoch: string,
    serverId: string,
    { retention, clock }: { retention: Retention; clock: () => number },
  ) {
    this.epoch = epoch;
    this.serverId = serverId;
    this.#database = database;
    this.#rooms = new PostgresRooms(database, retention.messages);
    this.#mailboxes = new PostgresMailboxes(database, retention.mailMessages);
    this.#accounts = new PostgresAccounts(database);
    this.#sweep = new PostgresSweep(database, retention);
    this.#clock = clock;
    this.#clockStepMs = retention.goodbyeAgeMs / 10;
  }

  /** Folded names that somebody owns. */
  async registeredNames(): Promise<string[]> {
    const rows = await this.#database.run<{ folded: string }>("SELECT folded FROM parley.accounts");
    return rows.map(({ folded }) => folded);
  }

  /** Prolongs the lease. */
  async renew(): Promise<void> {
    await this.#database.run(
      `UPDATE parley.servers SET expires = clock_timestamp() + $2 * interval '1 millisecond'
       WHERE id = $1 AND expires > clock_timestamp()`,
      [this.serverId, limits.leaseMs],
    );
  }

  /** Every row, in any order. */
  async rights(): Promise<readonly RightsRow[]> {
    return await this.#database.run<RightsRow>("SELECT key, value FROM parley.rights");
  }

  /** Deletes a slice of what exceeds the retention; true if more is left. */
  async sweep(): Promise<boolean> {
    return await this.#sweep.slice(this.#clock());
  }

  /** Answers a request once, later. */
  readonly answer = (request: StoreRequest, reply: (reply: StoreReply) => void): void => {
    this.#perform(request).then(
      (done) => reply(done),
      (error: unknown) => reply(this.#failure(request, error)),
    );
  };

  #failure({ id }: StoreRequest, error: unknown): StoreReply {
    if (error instanceof DatabaseAway) return { id, outcome: "unknown" };
    if (error instanceof ParleyError) return { id, outcome: "failed", error };
    if (error instanceof Refused) {
      const sentence = `The database has refused this: ${error.message}`;
      return { id, outcome: "failed", error: new ParleyError("storage", sentence) };
    }
    throw error;
  }

  async #perform(request: StoreRequest): Promise<StoreReply> {
    const done = { id: request.id, outcome: "done" } as const;
    switch (request.type) {
      case "commit":
        return { ...done, type: "commit", result: await this.#commit(request.batch) };
      case "room-bounds":
        return { ...done, type: "room-bounds", result: await this.#rooms.bounds(request.room) };
      case "read-room": {
        const { room, limit } = request;
        const result =
          "after" in request
            ? await this.#rooms.after(room, request.after, limit)
            : await this.#rooms.before(room, request.before, limit);
        return { ...done, type: "read-room", result };
      }
      case "read-mail": {
        const result = await this.#mailboxes.after(request.session, request.after, request.limit);
        return { ...done, type: "read-mail", result };
      }
      case "count-mail": {
        const result = await this.#mailboxes.countAfter(request.session, request.after);
        return { ...done, type: "count-mail", result };
      }
      case "load-session":
        return { ...done, type: "load-session", result: await this.#session(request.session) };
      case "find-name": {
        const result = await this.#named(request.name, request.sinceMs);
        return { ...done, type: "find-name", result };
      }
      case "erase-message": {
        const result = await this.#rooms.erase(request.room, request.seq);
        return { ...done, type: "erase-message", result };
      }
      case "change-rights":
        await this.#changeRights(request.changes);
        return { ...done, type: "change-rights", result: undefined };
      case "find-account":
        return { ...done, type: "find-account", result: await this.#accounts.find(request.lookup) };
      case "change-account": {
        const result = await this.#accounts.change(request.change);
        return { ...done, type: "change-account", result };
      }
    }
  }

  async #commit(batch: Batch): Promise<Committed> {
    const { said, people, letters } = batchJson(batch);
    const [row] = await this.#database.run<{ reply: string }>(
      `SELECT parley.commit($1, $2, $3, $4, $5, $6::text::json, $7::text::json, $8::text::json,
         $9::text::json, $10::text::json) AS reply`,
      [
        this.serverId,
        batch.number,
        limits.leaseMs,
        this.#clock(),
        Math.floor(this.#clockStepMs),
        said,
        "[]",
        people,
        letters,
        "[]",
      ],
    );
    const committed: Committed = JSON.parse(row?.reply ?? "");
    for (const [i, { session }] of batch.mail.entries()) {
      await this.#mailboxes.trim(session, committed.mail[i] ?? 0);
    }
    return committed;
  }

  async #session(id: string): Promise<SessionRecord | undefined> {
    const [row] = await this.#database.run<SessionRow>(
      `SELECT ${sessionColumns} FROM parley.sessions WHERE id = $1`,
      [id],
    );
    return row === undefined ? undefined : recordOf(row);
  }

  async #named(name: string, sinceMs: number): Promise<SessionRecord | undefined> {
    const [row] = await this.#database.run<SessionRow>(
      `SELECT ${sessionColumns} FROM parley.sessions
       WHERE name = $1 AND name <> '' AND seen_ms >= $2
       ORDER BY seen_ms DESC, id COLLATE "C" DESC LIMIT 1`,
      [name, Math.floor(sinceMs)],
    );
    return row === undefined ? undefined : recordOf(row);
  }

  async #changeRights(changes: readonly RightsChange[]): Promise<void> {
    if (changes.length === 0) return;
    await this.#database.transact(async (run) => {
      for (const { key, value } of changes) {
        if (value === undefined) await run("DELETE FROM parley.rights WHERE key = $1", [key]);
        else {
          await run(
            `INSERT INTO parley.rights (key, value) VALUES ($1, $2)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
            [key, value],
          );
        }
      }
    });
  }

  /** Gives up the lease. Best effort: it runs out by itself. */
  async leave(): Promise<void> {
    await this.#database
      .run("DELETE FROM parley.servers WHERE id = $1", [this.serverId])
      .catch(() => {});
  }
}

function recordOf({ id, name, n, mail, network, seen }: SessionRow): SessionRecord {
  return { id, name, n: Number(n), mail: Number(mail), network, seenMs: Number(seen) };
}
