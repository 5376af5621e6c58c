// Reads the rooms' logs.

import type { Said } from "../../chat/events.ts";
import type { ForeignMember } from "../../chat/elsewhere/foreign-roster.ts";
import type { RoomBounds } from "../../chat/turn/store.ts";
import { protocol as limits } from "../../limits.ts";
import { quoted } from "../../text.ts";
import { eraseAt, type StoredRun, unpackRuns } from "../packed-runs.ts";
import type { Run } from "./database.ts";
import type { DatabasePort } from "./database-port.ts";
import { readStored } from "./stored-json.ts";

type BoundsRow = { first: number | string; last: number | string; erased: number | string };
/** `erased`: how many of the room's texts have been erased so far. */
type Bounds = { first: number; last: number; erased: number };
/** `erasures`: how many texts had been erased when they were read. */
type CountedBounds = { bounds: RoomBounds; erasures: number };
type MemberRow = {
  version: number | string;
  server: string | null;
  folded: string | null;
  name: string | null;
  about: string | null;
  rank: string | null;
};
type BatchRow = { seq: number | string; time: number | string; runs: string };

export class PostgresRooms {
  readonly #database: DatabasePort;
  readonly #maxMessages: number;

  /** Messages past `maxMessages` count as deleted before a sweep deletes them. */
  constructor(database: DatabasePort, maxMessages: number) {
    this.#database = database;
    this.#maxMessages = maxMessages;
  }

  async bounds(room: string, since?: number): Promise<CountedBounds> {
    const { first, last, erased: erasures } = await this.#bounds(room);
    if (since === undefined) return { bounds: { first, last }, erasures };
    const erased = erasures === 0 ? [] : await this.#erasedSince(room, since);
    return { bounds: { first, last, erased }, erasures };
  }

  /** The same, with users at servers other than `server`. */
  async boundsFor(room: string, since: number | undefined, server: string): Promise<CountedBounds> {
    const [{ bounds, erasures }, elsewhere] = await Promise.all([
      this.bounds(room, since),
      this.roster(room, server),
    ]);
    return { bounds: { ...bounds, elsewhere }, erasures };
  }

  /** The members of a room at servers other than `server`, as a consistent snapshot. */
  async roster(
    room: string,
    server: string,
  ): Promise<{ version: number; members: ForeignMember[] }> {
    const rows = await this.#database.run<MemberRow>(
      `SELECT r.presence AS version, m.server, m.folded, m.name, m.about, m.rank
       FROM parley.rooms r LEFT JOIN parley.members m ON m.room = r.name AND m.server <> $2
       WHERE r.name = $1`,
      [room, server],
    );
    const members = rows.flatMap(({ server, folded, name, about, rank }) => {
      if (server === null || folded === null || name === null) return [];
      return [{ server, folded, name, ...readJson("about", about), ...readJson("rank", rank) }];
    });
    return { version: Number(rows[0]?.version ?? 0), members };
  }

  /** At most `limit` messages with a higher `seq`, ascending. */
  async after(room: string, seq: number, limit: number): Promise<Said[]> {
    return (await this.pageAfter(room, seq, limit)).page;
  }

  /** The same, and how many texts of the room had been erased before the last of them was said. */
  async pageAfter(
    room: string,
    seq: number,
    limit: number,
  ): Promise<{ page: Said[]; erased: number }> {
    const { first, last, erased } = await this.#bounds(room);
    const from = Math.max(seq + 1, first);
    return { page: await this.#page(room, from, Math.min(last, from + limit - 1)), erased };
  }

  /** The newest messages with a lower `seq`, at most `limit`, ascending. */
  async before(room: string, seq: number, limit: number): Promise<Said[]> {
    const { first, last } = await this.#bounds(room);
    const to = Math.min(seq - 1, last);
    return await this.#page(room, Math.max(first, to - limit + 1), to);
  }

  /**
   * Removes the text of a message. False: the message is not kept. `tell`: notifies the other
   * servers, in the same transaction. If its outcome is unknown, it may be repeated.
   */
  async erase(room: string, seq: number, tell: (run: Run) => Promise<void>): Promise<boolean> {
    const { first } = await this.#bounds(room);
    if (seq < first) return false;
    return await this.#database.transact(async (run) => {
      const [row] = await run<BatchRow & { id: number | string; count: number }>(
        `SELECT b.room AS id, b.first_seq AS seq, b.count, b.time_ms AS time, b.runs
         FROM parley.batches b JOIN parley.rooms r ON r.id = b.room
         WHERE r.name = $1 AND b.first_seq <= $2 ORDER BY b.first_seq DESC LIMIT 1 FOR UPDATE OF b`,
        [room, seq],
      );
      if (row === undefined || seq >= Number(row.seq) + row.count) return false;
      const runs = readStored<StoredRun[]>(row.runs, `A message of ${quoted(room)}`);
      const outcome = eraseAt(runs, seq - Number(row.seq));
      if (outcome === undefined) return false;
      if (outcome === "erased") {
        await run("UPDATE parley.batches SET runs = $3 WHERE room = $1 AND first_seq = $2", [
          row.id,
          Number(row.seq),
          JSON.stringify(runs),
        ]);
        // From here on no message is added: whoever reads the next one reads of this too.
        await run(
          `WITH counted AS (
             UPDATE parley.rooms SET erased = erased + 1 WHERE id = $1
             RETURNING erased AS n, last_seq),
           trimmed AS (
             DELETE FROM parley.erasures e USING counted WHERE e.room = $1 AND e.n <= counted.n - $3)
           INSERT INTO parley.erasures (room, n, seq, last_seq)
             SELECT $1, n, $2, last_seq FROM counted`,
          [row.id, seq, limits.erasures],
        );
      }
      await tell(run);
      return true;
    });
  }

  /** The messages whose texts were erased after the first `count` erasures in the room. */
  async erasedAfter(room: string, count: number): Promise<number[]> {
    const rows = await this.#database.run<{ seq: number | string }>(
      `SELECT e.seq FROM parley.erasures e JOIN parley.rooms r ON r.id = e.room
       WHERE r.name = $1 AND e.n > $2 ORDER BY e.n`,
      [room, count],
    );
    return rows.map(({ seq }) => Number(seq));
  }

  /** Also some that a client may know of: its server may have heard of them late. */
  async #erasedSince(room: string, since: number): Promise<number[]> {
    const rows = await this.#database.run<{ seq: number | string }>(
      `SELECT e.seq FROM parley.erasures e JOIN parley.rooms r ON r.id = e.room
       WHERE r.name = $1 AND e.seq <= $2 AND e.last_seq >= $3 ORDER BY e.n`,
      [room, since, since - limits.toldBeforeErasure],
    );
    return rows.map(({ seq }) => Number(seq));
  }

  async #bounds(room: string): Promise<Bounds> {
    const [row] = await this.#database.run<BoundsRow>(
      `SELECT greatest(first_seq, last_seq - $2 + 1) AS first, last_seq AS last, erased
         FROM parley.rooms WHERE name = $1
       UNION ALL
       SELECT value::bigint + 1, value::bigint, 0 FROM parley.meta WHERE key = 'floor'
       LIMIT 1`,
      [room, this.#maxMessages],
    );
    const { first = 1, last = 0, erased = 0 } = row ?? {};
    return { first: Number(first), last: Number(last), erased: Number(erased) };
  }

  /** Messages `from` to `to`, both inclusive. */
  async #page(room: string, from: number, to: number): Promise<Said[]> {
    const found: Said[] = [];
    if (from > to) return found;
    const rows = await this.#database.run<BatchRow>(
      `SELECT b.first_seq AS seq, b.time_ms AS time, b.runs
       FROM parley.rooms r JOIN parley.batches b ON b.room = r.id
       WHERE r.name = $1 AND b.first_seq <= $3 AND b.first_seq >= coalesce(
         (SELECT max(first_seq) FROM parley.batches WHERE room = r.id AND first_seq <= $2), $2)
       ORDER BY b.first_seq`,
      [room, from, to],
    );
    for (const { seq, time, runs } of rows) {
      const stored = readStored<StoredRun[]>(runs, `A message of ${quoted(room)}`);
      const row = { room, firstSeq: Number(seq), timeMs: Number(time) };
      unpackRuns(stored, row, [from, to], found);
    }
    return found;
  }
}

/** A column that may be empty, as the field of that name. */
function readJson(field: "about" | "rank", json: string | null): Partial<ForeignMember> {
  return json === null ? {} : { [field]: readStored(json, "A member of a room") };
}
