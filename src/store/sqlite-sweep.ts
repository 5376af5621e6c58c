// Forgetting what is over age or number in a data file, a bounded slice a call: messages, rooms,
// mail, sessions; and what is over the bound in bytes (sqlite-byte-bound.ts). Ages count by the
// store's clock, which the file remembers.

import type { Database } from "bun:sqlite";
import { history as limits } from "../limits.ts";
import { batchKey, isInRoom, keySeq } from "./batch-key.ts";
import { ByteBound } from "./sqlite-byte-bound.ts";
import { readMeta, writeMeta } from "./sqlite-meta.ts";
import { deleteBatches, type SqliteRooms } from "./sqlite-rooms.ts";
import type { SqliteSessions } from "./sqlite-sessions.ts";
import type { Retention } from "./store.ts";

/**
 * Rooms looked at, and sessions deleted with up to a thousand private messages each, in one slice.
 */
const sliceRooms = 50;
const sliceSessions = 10;

/** Bytes of messages deleted in one slice, about. */
const sliceBytes = 1_000_000;

/** Rooms that one round can find to have the least to lose, and forget. */
const leastRooms = 1_000;

/**
 * `kept` is how many messages it has at most, `time_ms` is that of the last batch, null if there is
 * none.
 */
type RoomRow = { id: number; name: string; last: number; kept: number; time_ms: number | null };

type BatchRow = { next_seq: number; clock_ms: number; bytes: number };
type MailRow = { session: string; mail: number; clock_ms: number; bytes: number };

export class SqliteSweep {
  #phase: "messages" | "rooms" | "mail" | "bytes" | "sessions" = "messages";
  #room = 0;
  /**
   * Rooms over the number when the round began; those with the fewest messages where nobody is, of
   * equals the quietest first.
   */
  #excess = 0;
  #least: RoomRow[] = [];
  #mail = { session: "", mail: 0 };
  readonly #bytes: ByteBound;

  /** A room that is in use is not forgotten for being one too many. */
  constructor(
    readonly db: Database,
    readonly retention: Retention,
    readonly rooms: SqliteRooms,
    readonly sessions: SqliteSessions,
    readonly isInUse: (room: string) => boolean,
  ) {
    this.#bytes = new ByteBound(db, retention.fileBytes, rooms);
  }

  /** One slice; true if there is more to do now. Throws what SQLite throws. */
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
        if (!this.#sweepMail(oldMs)) this.#phase = "bytes";
        return true;
      case "bytes":
        if (!this.#bytes.slice()) this.#phase = "sessions";
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
      this.#excess = this.#countRooms() - this.retention.rooms;
      this.#bytes.begin();
    }
    const rooms = this.db
      .query<RoomRow, [number, number]>(
        `SELECT id, name, max(last_seq, newest) AS last, max(last_seq, newest) - first_seq + 1 AS kept, time_ms
         FROM (SELECT id, name, first_seq, last_seq,
             coalesce((SELECT ${keySeq} + count - 1 FROM batches WHERE ${isInRoom("rooms.id")} ORDER BY key DESC LIMIT 1), 0) AS newest,
             (SELECT time_ms FROM batches WHERE ${isInRoom("rooms.id")} ORDER BY key DESC LIMIT 1) AS time_ms
           FROM rooms WHERE id > ? ORDER BY id LIMIT ?)`,
      )
      .all(this.#room, sliceRooms);
    for (const room of rooms) {
      // A room with more to forget is looked at again in the next slice.
      if (this.#sweepRoom(room, oldMs)) return true;
      this.#room = room.id;
      this.#bytes.noteRoom(room.id, room.name, room.kept);
      if (this.#excess > 0 && !this.isInUse(room.name)) this.#least.push(room);
    }
    const isLast = rooms.length < sliceRooms;
    if (isLast || this.#least.length >= 2 * leastRooms) this.#sortLeast();
    if (isLast) this.#room = 0;
    return !isLast;
  }

  #sortLeast(): void {
    this.#least.sort((a, b) => a.kept - b.kept || (a.time_ms ?? 0) - (b.time_ms ?? 0));
    this.#least.length = Math.min(this.#least.length, leastRooms);
  }

  /**
   * Deletes a slice of a room's batches that are over age, or all of whose messages are over
   * number; true if there may be more.
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
    let bytes = 0;
    let gone = 0;
    for (const { next_seq, clock_ms, bytes: more } of oldest) {
      if (next_seq > firstKept && clock_ms >= oldMs) break;
      first = next_seq;
      bytes += more;
      gone++;
      if (bytes >= sliceBytes) break;
    }
    if (first === undefined) return false;
    deleteBatches(this.db, id, first, last);
    this.rooms.forgot(name, first);
    return gone === limits.sliceRows || bytes >= sliceBytes;
  }

  #countRooms(): number {
    return this.db.query<{ count: number }, []>("SELECT count(*) AS count FROM rooms").get()!.count;
  }

  /**
   * Too many rooms: those without messages go; when there are none, one of those with the fewest
   * loses its own. Their numbers stay reserved by one floor for all of them.
   */
  #sweepRooms(): boolean {
    const excess = this.#countRooms() - this.retention.rooms;
    if (excess <= 0) {
      this.#least = [];
      return false;
    }
    const empty = this.db
      .query<{ id: number; name: string; last_seq: number }, [number]>(
        `SELECT id, name, last_seq FROM rooms
         WHERE NOT EXISTS (SELECT 1 FROM batches WHERE ${isInRoom("rooms.id")}) ORDER BY id LIMIT ?`,
      )
      .all(Math.min(excess, sliceRooms));
    if (empty.length === 0) return this.#emptyLeast();
    const before = Number(readMeta(this.db, "floor") ?? 0);
    const floor = Math.max(before, ...empty.map(({ last_seq }) => last_seq));
    this.db.transaction(() => {
      writeMeta(this.db, "floor", floor);
      for (const { id } of empty) this.db.query("DELETE FROM rooms WHERE id = ?").run(id);
    })();
    for (const { name } of empty) this.rooms.forgot(name, undefined);
    return true;
  }

  /**
   * Takes a slice of the messages of the room with the fewest, if nobody has spoken there since.
   */
  #emptyLeast(): boolean {
    const room = this.#least[0];
    if (room === undefined) return false;
    const spoken = this.db
      .query(`SELECT 1 FROM batches WHERE ${isInRoom("?1")} AND key > ${batchKey("?1", "?2")}`)
      .get(room.id, room.last);
    const isSpared = spoken !== null || this.isInUse(room.name);
    if (isSpared || !this.#sweepRoom(room, Infinity)) this.#least.shift();
    return true;
  }

  #sweepMail(oldMs: number): boolean {
    const size = this.#bytes.isOver ? "octet_length(text)" : "0";
    const rows = this.db
      .query<MailRow, [string, number, number]>(
        `SELECT session, mail, clock_ms, ${size} AS bytes FROM mail WHERE (session, mail) > (?, ?)
         ORDER BY session, mail LIMIT ?`,
      )
      .all(this.#mail.session, this.#mail.mail, limits.sliceRows);
    const old = rows.filter((row) => row.clock_ms < oldMs);
    if (old.length > 0) {
      const remove = this.db.query("DELETE FROM mail WHERE session = ? AND mail = ?");
      this.db.transaction(() => {
        for (const { session, mail } of old) remove.run(session, mail);
      })();
    }
    for (const { session, bytes } of rows) this.#bytes.noteMail(session, bytes);
    const latest = rows.at(-1);
    const more = rows.length === limits.sliceRows && latest !== undefined;
    this.#mail = more ? latest : { session: "", mail: 0 };
    return more;
  }

  #sweepSessions(clockMs: number): boolean {
    const { sessionAgeMs, goodbyeAgeMs } = this.retention;
    const { count } = this.db
      .query<{ count: number }, []>("SELECT count(*) AS count FROM sessions")
      .get()!;
    const excess = Math.max(0, count - this.retention.sessions);
    const oldest = this.db
      .query<{ id: string; clock_ms: number }, [number]>(
        "SELECT id, clock_ms FROM sessions ORDER BY clock_ms, key LIMIT ?",
      )
      .all(sliceSessions);
    const gone = oldest
      .filter(({ clock_ms }, i) => i < excess || clock_ms < clockMs - sessionAgeMs)
      .concat(this.#goodbyes(clockMs - Math.min(goodbyeAgeMs, sessionAgeMs)));
    if (gone.length === 0) return false;
    this.db.transaction(() => {
      for (const { id } of gone) {
        this.db.query("DELETE FROM mail WHERE session = ?").run(id);
        this.db.query("DELETE FROM sessions WHERE id = ?").run(id);
      }
    })();
    for (const { id } of gone) this.sessions.forgot(id);
    return gone.length >= sliceSessions;
  }

  #goodbyes(beforeMs: number): { id: string; clock_ms: number }[] {
    return this.db
      .query<{ id: string; clock_ms: number }, [number, number]>(
        "SELECT id, clock_ms FROM sessions WHERE name = '' AND clock_ms < ? ORDER BY clock_ms LIMIT ?",
      )
      .all(beforeMs, sliceSessions);
  }
}
