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

  /**
   * Batches that are too old, or exceed the number that a room keeps. Which rooms have some is seen
   * from their oldest ones, so that a sweep does not read everything that is kept.
   */
  async #messages(run: Run, oldMs: number): Promise<number> {
    const isExcess = "clock_ms < $1 OR b.first_seq + b.count <= r.last_seq - $2 + 1";
    const rows = await run<{ room: number | string; next: number | string }>(
      `WITH due AS (
         SELECT r.id, r.last_seq FROM parley.rooms r
         CROSS JOIN LATERAL (${oldest("1")}) b WHERE ${isExcess} LIMIT $3),
       gone AS (
         SELECT r.id AS room, b.first_seq FROM due r
         CROSS JOIN LATERAL (${oldest("$3")}) b WHERE ${isExcess} LIMIT $3),
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
    const unused = "NOT EXISTS (SELECT 1 FROM parley.members m WHERE m.room = r.name)";
    const found = await run<{ id: string; last: string }>(
      `SELECT id::text AS id, last_seq::text AS last FROM parley.rooms r WHERE ${unused}
       ORDER BY last_seq - first_seq, said_ms, id
       LIMIT (SELECT greatest(0, least(count(*) - $1, $2)) FROM parley.rooms)`,
      [this.#retention.rooms, sliceRooms],
    );
    if (found.length === 0) return 0;
    const ids = JSON.stringify(found.map(({ id }) => id));
    // In the order in which batches lock them.
    await run(
      `SELECT 1 FROM parley.rooms
       WHERE id IN (SELECT value::bigint FROM json_array_elements_text($1::text::json))
       ORDER BY name COLLATE "C" FOR UPDATE`,
      [ids],
    );
    // Somebody may have entered one, or said something there, until it was locked.
    const rows = await run<{ last: number | string }>(
      `WITH gone AS (
         SELECT r.id, r.last_seq FROM parley.rooms r
         JOIN json_to_recordset($1::text::json) AS found(id bigint, last bigint)
           ON found.id = r.id AND found.last = r.last_seq
         WHERE ${unused}),
       batches AS (DELETE FROM parley.batches b USING gone WHERE b.room = gone.id),
       erasures AS (DELETE FROM parley.erasures e USING gone WHERE e.room = gone.id)
       DELETE FROM parley.rooms r USING gone WHERE r.id = gone.id RETURNING gone.last_seq AS last`,
      [JSON.stringify(found)],
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
    const found = await run<{ id: string }>(
      `WITH old AS (
         SELECT id, clock_ms, server FROM parley.sessions
         WHERE ${isSession} AND server IS NULL
           AND clock_ms < CASE WHEN name = '' THEN $2::bigint ELSE $1::bigint END LIMIT $3),
       ranked AS (
         SELECT id, clock_ms, server, key, row_number() OVER (
           PARTITION BY ${widestNetwork} ORDER BY clock_ms DESC, key DESC) AS rank
         FROM parley.sessions WHERE ${isSession} AND $4 > 0),
       excess AS (
         SELECT id, clock_ms, server FROM ranked ORDER BY rank DESC, clock_ms, key LIMIT $4)
       SELECT id, clock_ms::text AS clock_ms, server
       FROM (SELECT * FROM old UNION SELECT * FROM excess) AS gone`,
      [
        clockMs - sessionAgeMs,
        clockMs - Math.min(goodbyeAgeMs, sessionAgeMs),
        limits.sliceRows,
        excess,
      ],
    );
    if (found.length === 0) return 0;
    // In the order in which batches lock them.
    await run(
      `SELECT 1 FROM parley.sessions
       WHERE id IN (SELECT json_array_elements_text($1::text::json))
       ORDER BY id COLLATE "C" FOR UPDATE`,
      [JSON.stringify(found.map(({ id }) => id))],
    );
    // One may have been resumed until it was locked.
    return await count(
      run,
      `WITH gone AS (
         SELECT s.id FROM parley.sessions s
         JOIN json_to_recordset($1::text::json) AS found(id text, clock_ms bigint, server text)
           ON found.id = s.id AND found.clock_ms = s.clock_ms
             AND found.server IS NOT DISTINCT FROM s.server),
       letters AS (DELETE FROM parley.mail m USING gone WHERE m.session = gone.id)
       DELETE FROM parley.sessions s USING gone WHERE s.id = gone.id`,
      [JSON.stringify(found)],
    );
  }
}

/** SQL for the oldest batches of the room `r`, which its key finds. */
function oldest(limit: string): string {
  return `SELECT first_seq, count, clock_ms FROM parley.batches
    WHERE room = r.id ORDER BY first_seq LIMIT ${limit}`;
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
