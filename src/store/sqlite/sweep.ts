// Deletes what exceeds the retention, one bounded slice at a time: messages by age and number,
// surplus rooms, mail by age, the excess of a file that is too large, and sessions. Age is measured
// by the store's clock, which the file records.

import type { Database } from "bun:sqlite";
import { history as limits } from "../../limits.ts";
import type { Retention } from "../retention.ts";
import { isSession, widestNetwork } from "../session-sql.ts";
import { batchKey, isInRoom, keySeq } from "./batch-key.ts";
import { readMeta, writeMeta } from "./meta.ts";
import { deleteBatches, type SqliteRooms } from "./rooms.ts";
import type { SqliteSessions } from "./sessions.ts";
import { SizeLimit } from "./size-limit.ts";

/** Rooms per slice. */
const sliceRooms = 50;
/** Sessions deleted per slice, each with up to a thousand private messages. */
const sliceSessions = 10;
/** Approximate bytes of messages deleted per slice. */
const sliceBytes = 1_000_000;
/** Maximum number of surplus rooms that one sweep can empty. */
const maxSmallest = 1_000;

/** `kept` is the number of its messages, `time_ms` the time of its last batch. */
type RoomRow = { id: number; name: string; last: number; kept: number; time_ms: number | null };
type BatchRow = { next_seq: number; clock_ms: number; bytes: number };
type MailRow = { session: string; mail: number; clock_ms: number; bytes: number };

export class SqliteSweep {
  #phase: "messages" | "rooms" | "mail" | "size" | "sessions" = "messages";
  /** The last room and message examined. */
  #room = 0;
  #mail = { session: "", mail: 0 };
  /** Number of surplus rooms at the start of this sweep. */
  #surplusRooms = 0;
  /** The smallest unused rooms, if there is a surplus; among equals, the quietest first. */
  #smallest: RoomRow[] = [];
  /** IDs of sessions beyond the limit, found once per sweep. */
  #surplusSessions: string[] | undefined;
  readonly #size: SizeLimit;

  constructor(
    readonly db: Database,
    readonly retention: Retention,
    readonly rooms: SqliteRooms,
    readonly sessions: SqliteSessions,
    readonly isInUse: (room: string) => boolean,
  ) {
    this.#size = new SizeLimit(db, retention.fileBytes, rooms);
  }

  /**
   * Runs one slice; true if there is more to do in this sweep.
   * @throws what SQLite throws
   */
  slice(clockMs: number): boolean {
    const oldMs = clockMs - this.retention.maxAgeMs;
    switch (this.#phase) {
      case "messages":
        if (!this.#sweepMessages(oldMs)) this.#phase = "rooms";
        return true;
      case "rooms":
        if (!this.#sweepRooms()) this.#phase = "mail";
        return true;
      case "mail":
        if (!this.#sweepMail(oldMs)) this.#phase = "size";
        return true;
      case "size":
        if (!this.#size.deleteSlice()) this.#phase = "sessions";
        return true;
      case "sessions":
        if (this.#sweepSessions(clockMs)) return true;
        this.#phase = "messages";
        writeMeta(this.db, "clock_ms", clockMs);
        return false;
      default:
        return this.#phase satisfies never;
    }
  }

  #sweepMessages(oldMs: number): boolean {
    if (this.#room === 0) {
      this.#surplusRooms = this.#countRooms() - this.retention.rooms;
      this.#size.beginSweep();
    }
    const rooms = this.#roomsAfter(this.#room);
    for (const room of rooms) {
      // The next slice continues with a room that has more to delete.
      if (this.#sweepRoom(room, oldMs)) return true;
      this.#room = room.id;
      this.#size.noteRoom(room.id, room.name, room.kept);
      if (this.#surplusRooms > 0 && !this.isInUse(room.name)) this.#smallest.push(room);
    }
    const isLast = rooms.length < sliceRooms;
    if (isLast || this.#smallest.length >= 2 * maxSmallest) this.#sortSmallest();
    if (isLast) this.#room = 0;
    return !isLast;
  }

  #roomsAfter(id: number): RoomRow[] {
    const newest = `FROM batches WHERE ${isInRoom("rooms.id")} ORDER BY key DESC LIMIT 1`;
    return this.db
      .query<RoomRow, [number, number]>(
        `SELECT id, name, last, last - first_seq + 1 AS kept, time_ms FROM (
           SELECT id, name, first_seq,
             max(last_seq, coalesce((SELECT ${keySeq} + count - 1 ${newest}), 0)) AS last,
             (SELECT time_ms ${newest}) AS time_ms
           FROM rooms WHERE id > ? ORDER BY id LIMIT ?)`,
      )
      .all(id, sliceRooms);
  }

  #sortSmallest(): void {
    this.#smallest.sort((a, b) => a.kept - b.kept || (a.time_ms ?? 0) - (b.time_ms ?? 0));
    this.#smallest.length = Math.min(this.#smallest.length, maxSmallest);
  }

  /**
   * Deletes a room's batches that are too old or past the message limit; true if there may be more.
   */
  #sweepRoom({ id, name, last }: RoomRow, oldMs: number): boolean {
    const oldest = this.db
      .query<BatchRow, [number, number]>(
        `SELECT ${keySeq} + count AS next_seq, clock_ms, octet_length(runs) AS bytes
         FROM batches WHERE ${isInRoom("?1")} ORDER BY key LIMIT ?2`,
      )
      .all(id, limits.sliceRows);
    const firstKept = last - this.retention.messages + 1;
    let first: number | undefined;
    let deletedBytes = 0;
    let deletedRows = 0;
    for (const { next_seq, clock_ms, bytes } of oldest) {
      if (next_seq > firstKept && clock_ms >= oldMs) break;
      first = next_seq;
      deletedBytes += bytes;
      deletedRows++;
      if (deletedBytes >= sliceBytes) break;
    }
    if (first === undefined) return false;
    deleteBatches(this.db, id, first, last);
    this.rooms.forgetBefore(name, first);
    return deletedRows === limits.sliceRows || deletedBytes >= sliceBytes;
  }

  #countRooms(): number {
    return this.db.query<{ count: number }, []>("SELECT count(*) AS count FROM rooms").get()!.count;
  }

  /**
   * Deletes surplus empty rooms, or empties the smallest ones if there are none. One floor keeps
   * the numbers of all deleted rooms from being reused.
   */
  #sweepRooms(): boolean {
    const surplus = this.#countRooms() - this.retention.rooms;
    if (surplus <= 0) {
      this.#smallest = [];
      return false;
    }
    const empty = this.db
      .query<{ id: number; name: string; last_seq: number }, [number]>(
        `SELECT id, name, last_seq FROM rooms
         WHERE NOT EXISTS (SELECT 1 FROM batches WHERE ${isInRoom("rooms.id")})
         ORDER BY id LIMIT ?`,
      )
      .all(Math.min(surplus, sliceRooms));
    if (empty.length === 0) return this.#emptySmallest();
    const before = Number(readMeta(this.db, "floor") ?? 0);
    const floor = Math.max(before, ...empty.map(({ last_seq }) => last_seq));
    this.db.transaction(() => {
      writeMeta(this.db, "floor", floor);
      for (const { id } of empty) {
        this.db.query("DELETE FROM erasures WHERE room = ?").run(id);
        this.db.query("DELETE FROM rooms WHERE id = ?").run(id);
      }
    })();
    for (const { name } of empty) this.rooms.forget(name);
    return true;
  }

  /** Deletes a slice of the smallest room's messages, unless it has new ones. */
  #emptySmallest(): boolean {
    const room = this.#smallest[0];
    if (room === undefined) return false;
    const newer = this.db
      .query(`SELECT 1 FROM batches WHERE ${isInRoom("?1")} AND key > ${batchKey("?1", "?2")}`)
      .get(room.id, room.last);
    const isSpared = newer !== null || this.isInUse(room.name);
    if (isSpared || !this.#sweepRoom(room, Infinity)) this.#smallest.shift();
    return true;
  }

  #sweepMail(oldMs: number): boolean {
    const bytes = this.#size.isExceeded ? "octet_length(text)" : "0";
    const rows = this.db
      .query<MailRow, [string, number, number]>(
        `SELECT session, mail, clock_ms, ${bytes} AS bytes FROM mail WHERE (session, mail) > (?, ?)
         ORDER BY session, mail LIMIT ?`,
      )
      .all(this.#mail.session, this.#mail.mail, limits.sliceRows);
    const old = rows.filter((row) => row.clock_ms < oldMs);
    if (old.length > 0) {
      const deleteMail = this.db.query("DELETE FROM mail WHERE session = ? AND mail = ?");
      this.db.transaction(() => {
        for (const { session, mail } of old) deleteMail.run(session, mail);
      })();
    }
    for (const row of rows) this.#size.noteMail(row.session, row.bytes);
    const last = rows.at(-1);
    const more = rows.length === limits.sliceRows && last !== undefined;
    this.#mail = more ? last : { session: "", mail: 0 };
    return more;
  }

  #sweepSessions(clockMs: number): boolean {
    const { sessionAgeMs, goodbyeAgeMs } = this.retention;
    this.#surplusSessions ??= this.#findSurplusSessions();
    const surplus = this.#surplusSessions.splice(0, sliceSessions);
    const unseen = this.#sessionsBefore(clockMs - sessionAgeMs, "true");
    const goodbyeMs = clockMs - Math.min(goodbyeAgeMs, sessionAgeMs);
    const departed = this.#sessionsBefore(goodbyeMs, "name = ''");
    const ids = new Set([...surplus, ...unseen, ...departed]);
    const more = ids.size >= sliceSessions || this.#surplusSessions.length > 0;
    if (!more) this.#surplusSessions = undefined;
    this.db.transaction(() => {
      for (const id of ids) {
        this.db.query("DELETE FROM mail WHERE session = ?").run(id);
        this.db.query("DELETE FROM sessions WHERE id = ?").run(id);
      }
    })();
    for (const id of ids) this.sessions.forget(id);
    return more;
  }

  /** The oldest sessions last written before `beforeMs`; an index has them in this order. */
  #sessionsBefore(beforeMs: number, condition: string): string[] {
    return this.db
      .query<{ id: string }, [number, number]>(
        `SELECT id FROM sessions WHERE ${condition} AND ${isSession} AND clock_ms < ?
         ORDER BY clock_ms, key LIMIT ?`,
      )
      .all(beforeMs, sliceSessions)
      .map(({ id }) => id);
  }

  #countSessions(condition: string): number {
    return this.db
      .query<{ count: number }, []>(`SELECT count(*) AS count FROM sessions ${condition}`)
      .get()!.count;
  }

  /**
   * A session's rank is its position among those of its network (for IPv6, the /48), newest first.
   * The highest ranks are deleted first; among equal ranks, the oldest. Ranking 65 536 sessions
   * takes 90 ms, so a somewhat larger number is tolerated.
   */
  #findSurplusSessions(): string[] {
    const { sessions } = this.retention;
    const most = sessions + (sessions >> 7);
    // Without a condition, SQLite counts without looking at the rows.
    if (this.#countSessions("") <= most) return [];
    const count = this.#countSessions(`WHERE ${isSession}`);
    if (count <= most) return [];
    return this.db
      .query<{ id: string }, [number]>(
        `SELECT id FROM (SELECT id, clock_ms, key,
           row_number() OVER (PARTITION BY ${widestNetwork} ORDER BY clock_ms DESC, key DESC) AS rank
           FROM sessions WHERE ${isSession}) ORDER BY rank DESC, clock_ms, key LIMIT ?`,
      )
      .all(count - sessions)
      .map(({ id }) => id);
  }
}
