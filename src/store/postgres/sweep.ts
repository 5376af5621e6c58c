// Deletes data beyond the retention, a bounded slice at a time. Only one server sweeps at a time.

import { history as limits, postgres } from "../../limits.ts";
import type { Retention } from "../retention.ts";
import { isSession, widestNetwork } from "../session-sql.ts";
import type { Run, Value } from "./database.ts";
import type { DatabasePort } from "./database-port.ts";
import type { SharedClock } from "./shared-clock.ts";

/** Outcomes that nobody asks for again. */
const isForgotten = "at < clock_timestamp() - $1 * interval '1 millisecond'";

/** Names this program's lock among others in the database: "parley s". */
const lockKey = "8097874531021168755";

export class PostgresSweep {
  readonly #database: DatabasePort;
  readonly #retention: Retention;

  constructor(database: DatabasePort, retention: Retention) {
    this.#database = database;
    this.#retention = retention;
  }

  /** Deletes one slice of all excess data; true if more may be left. */
  async slice(clock: SharedClock): Promise<boolean> {
    return await this.#database.transact(async (run) => {
      const [row] = await run<{ free: boolean }>(
        `SELECT pg_try_advisory_xact_lock(${lockKey}) AS free`,
      );
      if (row?.free !== true) return false;
      const [shared] = await run<{ value: string }>(
        "SELECT value FROM parley.meta WHERE key = 'clock_ms'",
      );
      clock.follow(Number(shared?.value ?? 0));
      const clockMs = clock.nowMs;
      const oldMs = clockMs - this.#retention.maxAgeMs;
      const deleted = [
        await this.#messages(run, oldMs),
        await this.#rooms(run),
        await deleteWhere(run, "mail", "session, mail", "clock_ms < $1", oldMs),
        await this.#sessions(run, clockMs),
        await deleteWhere(run, "claimed", "server, request", isForgotten, postgres.outcomeKeptMs),
        await deleteWhere(
          run,
          "account_changes",
          "process, request",
          isForgotten,
          postgres.outcomeKeptMs,
        ),
      ];
      await run(
        `INSERT INTO parley.meta (key, value) VALUES ('clock_ms', $1)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
        [String(clockMs)],
      );
      return deleted.some((rows) => rows > 0);
    });
  }

  /** Batches that are too old, or exceed the number that a room keeps. */
  async #messages(run: Run, oldMs: number): Promise<number> {
    const rows = await run<{ room: number | string; next: number | string }>(
      `WITH gone AS (
         SELECT b.room, b.first_seq, b.count FROM parley.batches b
         JOIN parley.rooms r ON r.id = b.room
         WHERE b.clock_ms < $1 OR b.first_seq + b.count <= r.last_seq - $2 + 1
         ORDER BY b.room, b.first_seq LIMIT $3),
       deleted AS (
         DELETE FROM parley.batches b USING gone
         WHERE b.room = gone.room AND b.first_seq = gone.first_seq
         RETURNING b.room, b.first_seq + b.count AS next),
       -- In the order in which batches lock them.
       locked AS (
         SELECT id FROM parley.rooms WHERE id IN (SELECT room FROM gone)
         ORDER BY name COLLATE "C" FOR UPDATE)
       UPDATE parley.rooms r SET first_seq = greatest(r.first_seq, d.next)
       FROM (SELECT room, max(next) AS next FROM deleted GROUP BY room) d, locked
       WHERE r.id = d.room AND r.id = locked.id RETURNING r.id AS room, d.next`,
      [oldMs, this.#retention.messages, limits.sliceRows],
    );
    return rows.length;
  }

  /**
   * Drops unused rooms past the limit: empty ones first, then those with the fewest messages, the
   * quietest first. A common floor keeps all of their numbers used.
   */
  async #rooms(run: Run): Promise<number> {
    const rows = await run<{ last: number | string }>(
      `WITH surplus AS (SELECT count(*) - $1 AS rooms FROM parley.rooms),
       unused AS (
         SELECT id, last_seq, last_seq - first_seq + 1 AS kept, said_ms FROM parley.rooms r
         WHERE NOT EXISTS (SELECT 1 FROM parley.members m WHERE m.room = r.name)),
       gone AS (
         SELECT id, last_seq FROM unused ORDER BY kept, said_ms, id
         LIMIT (SELECT greatest(0, least(rooms, $2)) FROM surplus)),
       batches AS (DELETE FROM parley.batches b USING gone WHERE b.room = gone.id),
       erasures AS (DELETE FROM parley.erasures e USING gone WHERE e.room = gone.id)
       DELETE FROM parley.rooms r USING gone WHERE r.id = gone.id RETURNING gone.last_seq AS last`,
      [this.#retention.rooms, sliceRooms],
    );
    if (rows.length === 0) return 0;
    const floor = Math.max(...rows.map(({ last }) => Number(last)));
    await run(
      `INSERT INTO parley.meta (key, value) VALUES ('floor', $1)
       ON CONFLICT (key) DO UPDATE
         SET value = greatest(meta.value::bigint, excluded.value::bigint)::text`,
      [String(floor)],
    );
    return rows.length;
  }

  /**
   * Sessions unseen for too long, and those past the limit: a session's rank is its position among
   * those of its network (for IPv6, the /48), newest first. The highest ranks are deleted first,
   * and among equals the oldest.
   */
  async #sessions(run: Run, clockMs: number): Promise<number> {
    const { sessions, sessionAgeMs, goodbyeAgeMs } = this.#retention;
    const [counted] = await run<{ count: number | string }>(
      `SELECT count(*) AS count FROM parley.sessions WHERE ${isSession}`,
    );
    const surplus = Number(counted?.count ?? 0) - sessions;
    // Ranking reads all of them, so a small excess is tolerated.
    const excess = surplus > sessions >> 7 ? Math.min(surplus, limits.sliceRows) : 0;
    return await count(
      run,
      `WITH old AS (
         SELECT id FROM parley.sessions
         WHERE ${isSession} AND server IS NULL
           AND clock_ms < CASE WHEN name = '' THEN $2::bigint ELSE $1::bigint END LIMIT $3),
       ranked AS (
         SELECT id, clock_ms, key, row_number() OVER (
           PARTITION BY ${widestNetwork} ORDER BY clock_ms DESC, key DESC) AS rank
         FROM parley.sessions WHERE ${isSession} AND $4 > 0),
       excess AS (SELECT id FROM ranked ORDER BY rank DESC, clock_ms, key LIMIT $4),
       gone AS (SELECT id FROM old UNION SELECT id FROM excess),
       letters AS (DELETE FROM parley.mail m USING gone WHERE m.session = gone.id)
       DELETE FROM parley.sessions s USING gone WHERE s.id = gone.id`,
      [
        clockMs - sessionAgeMs,
        clockMs - Math.min(goodbyeAgeMs, sessionAgeMs),
        limits.sliceRows,
        excess,
      ],
    );
  }
}

/** Rooms dropped per slice, each with all of its messages. */
const sliceRooms = 50;

/** Deletes a slice of what matches the condition on `$1`; returns the number of rows. */
async function deleteWhere(
  run: Run,
  table: string,
  key: string,
  condition: string,
  value: number,
): Promise<number> {
  return await count(
    run,
    `DELETE FROM parley.${table} WHERE (${key}) IN (
       SELECT ${key} FROM parley.${table} WHERE ${condition} LIMIT $2)`,
    [value, limits.sliceRows],
  );
}

/** How many rows a statement has deleted; a slice is small. */
async function count(run: Run, text: string, values: readonly Value[]): Promise<number> {
  return (await run(`${text} RETURNING 1`, values)).length;
}
