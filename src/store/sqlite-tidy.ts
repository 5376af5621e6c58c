// Forgetting what is over age or number in a data file, a bounded slice a call: messages, rooms, mail, sessions; and
// what is over the bound in bytes (sqlite-bytes.ts).

import type { Database } from "bun:sqlite";
import { history as limits } from "../limits.ts";
import { ByteBound } from "./sqlite-bytes.ts";
import type { Retention } from "./store.ts";

/** Rooms looked at, and sessions deleted with up to a thousand private messages each, in one slice. */
const sliceRooms = 50;
const sliceSessions = 10;

/** Rooms that one round can find to have the least to lose, and forget. */
const leastRooms = 1_000;

/** `kept` is how many messages it has at most, `time_ms` is that of the last, null if there is none. */
type RoomRow = { id: number; name: string; last: number; kept: number; time_ms: number | null };

type MailRow = { session: string; mail: number; time_ms: number; chars: number };

export class Tidier {
  #phase: "messages" | "rooms" | "mail" | "bytes" | "sessions" = "messages";
  #room = 0;
  /** Rooms over the number when the round began; those with the least to lose where nobody is, of equals the quietest first. */
  #excess = 0;
  #least: RoomRow[] = [];
  #mail = { session: "", mail: 0 };
  readonly #bytes: ByteBound;

  /**
   * `forgotten` hears which number of a room is now the lowest; undefined: the room itself has been forgotten. A room that is in
   * use is not forgotten for being one too many.
   */
  constructor(
    readonly db: Database,
    readonly retention: Retention,
    readonly forgotten: (room: string, first: number | undefined) => void,
    readonly isInUse: (room: string) => boolean,
  ) {
    this.#bytes = new ByteBound(db, retention.fileBytes, forgotten);
  }

  /** One slice; true if there is more to do now. Throws what SQLite throws. */
  slice(nowMs: number): boolean {
    const tooOldMs = nowMs - this.retention.maxAgeMs;
    if (this.#phase === "messages") {
      if (!this.#tidyMessages(tooOldMs)) this.#phase = "rooms";
      return true;
    }
    if (this.#phase === "rooms") {
      if (!this.#tidyRooms()) this.#phase = "mail";
      return true;
    }
    if (this.#phase === "mail") {
      if (!this.#tidyMail(tooOldMs)) this.#phase = "bytes";
      return true;
    }
    if (this.#phase === "bytes") {
      if (!this.#bytes.slice()) this.#phase = "sessions";
      return true;
    }
    if (this.#tidySessions(nowMs)) return true;
    this.#phase = "messages";
    return false;
  }

  #tidyMessages(tooOldMs: number): boolean {
    if (this.#room === 0) {
      this.#excess = this.#countRooms() - this.retention.rooms;
      this.#bytes.begin();
    }
    const rooms = this.db
      .query<RoomRow, [number, number]>(
        `SELECT id, name, max(last_seq, coalesce((SELECT max(seq) FROM messages WHERE room = rooms.id), 0)) AS last,
           max(last_seq, coalesce((SELECT max(seq) FROM messages WHERE room = rooms.id), 0)) - first_seq + 1 AS kept,
           (SELECT time_ms FROM messages WHERE room = rooms.id ORDER BY seq DESC LIMIT 1) AS time_ms
         FROM rooms WHERE id > ? ORDER BY id LIMIT ?`,
      )
      .all(this.#room, sliceRooms);
    for (const room of rooms) {
      // A room with more to forget is looked at again in the next slice.
      if (this.#tidyRoom(room, tooOldMs)) return true;
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

  #tidyRoom({ id, name, last }: RoomRow, tooOldMs: number): boolean {
    const oldest = this.db
      .query<{ seq: number; time_ms: number }, [number, number]>(
        "SELECT seq, time_ms FROM messages WHERE room = ? ORDER BY seq LIMIT ?",
      )
      .all(id, limits.sliceRows);
    const tooMany = last - this.retention.messages;
    const kept = oldest.findIndex(({ seq, time_ms }) => seq > tooMany && time_ms >= tooOldMs);
    const gone = kept < 0 ? oldest.length : kept;
    if (gone === 0) return false;
    const first = oldest[gone - 1]!.seq + 1;
    this.db.transaction(() => {
      this.db.query("DELETE FROM messages WHERE room = ? AND seq < ?").run(id, first);
      this.db
        .query("UPDATE rooms SET first_seq = ?, last_seq = ? WHERE id = ?")
        .run(first, last, id);
    })();
    this.forgotten(name, first);
    return gone === limits.sliceRows;
  }

  #countRooms(): number {
    return this.db.query<{ count: number }, []>("SELECT count(*) AS count FROM rooms").get()!.count;
  }

  /** Too many rooms: the first without messages go, and when there is none one of those with the least loses its own; that their numbers have been used is kept once for all. */
  #tidyRooms(): boolean {
    const excess = this.#countRooms() - this.retention.rooms;
    if (excess <= 0) {
      this.#least = [];
      return false;
    }
    const empty = this.db
      .query<{ id: number; name: string; last_seq: number }, [number]>(
        `SELECT id, name, last_seq FROM rooms
         WHERE NOT EXISTS (SELECT 1 FROM messages WHERE room = rooms.id) ORDER BY id LIMIT ?`,
      )
      .all(Math.min(excess, sliceRooms));
    if (empty.length === 0) return this.#emptyLeast();
    const floor = Math.max(...empty.map(({ last_seq }) => last_seq));
    this.db.transaction(() => {
      this.db
        .query(
          `INSERT INTO meta VALUES ('floor', ?1) ON CONFLICT (key)
           DO UPDATE SET value = max(CAST(value AS INTEGER), CAST(?1 AS INTEGER))`,
        )
        .run(String(floor));
      for (const { id } of empty) this.db.query("DELETE FROM rooms WHERE id = ?").run(id);
    })();
    for (const { name } of empty) this.forgotten(name, undefined);
    return true;
  }

  /** Takes a slice of the messages of the room with the least to lose, if nobody has spoken there since. */
  #emptyLeast(): boolean {
    const room = this.#least[0];
    if (room === undefined) return false;
    const spoken = this.db
      .query("SELECT 1 FROM messages WHERE room = ? AND seq > ?")
      .get(room.id, room.last);
    const isSpared = spoken !== null || this.isInUse(room.name);
    if (isSpared || !this.#tidyRoom(room, Infinity)) this.#least.shift();
    return true;
  }

  #tidyMail(tooOldMs: number): boolean {
    const size = this.#bytes.isOver ? "length(text)" : "0";
    const rows = this.db
      .query<MailRow, [string, number, number]>(
        `SELECT session, mail, time_ms, ${size} AS chars FROM mail WHERE (session, mail) > (?, ?)
         ORDER BY session, mail LIMIT ?`,
      )
      .all(this.#mail.session, this.#mail.mail, limits.sliceRows);
    const old = rows.filter((row) => row.time_ms < tooOldMs);
    if (old.length > 0) {
      const remove = this.db.query("DELETE FROM mail WHERE session = ? AND mail = ?");
      this.db.transaction(() => {
        for (const { session, mail } of old) remove.run(session, mail);
      })();
    }
    for (const { session, chars } of rows) this.#bytes.noteMail(session, chars);
    const latest = rows.at(-1);
    const more = rows.length === limits.sliceRows && latest !== undefined;
    this.#mail = more ? latest : { session: "", mail: 0 };
    return more;
  }

  #tidySessions(nowMs: number): boolean {
    const { sessionAgeMs, goodbyeAgeMs } = this.retention;
    const { count } = this.db
      .query<{ count: number }, []>("SELECT count(*) AS count FROM sessions")
      .get()!;
    const excess = Math.max(0, count - this.retention.sessions);
    const oldest = this.db
      .query<{ id: string; seen_ms: number }, [number]>(
        "SELECT id, seen_ms FROM sessions ORDER BY seen_ms, id LIMIT ?",
      )
      .all(sliceSessions);
    const gone = oldest
      .filter(({ seen_ms }, i) => i < excess || seen_ms < nowMs - sessionAgeMs)
      .concat(this.#goodbyes(nowMs - Math.min(goodbyeAgeMs, sessionAgeMs)));
    if (gone.length === 0) return false;
    this.db.transaction(() => {
      for (const { id } of gone) {
        this.db.query("DELETE FROM mail WHERE session = ?").run(id);
        this.db.query("DELETE FROM sessions WHERE id = ?").run(id);
      }
    })();
    return gone.length >= sliceSessions;
  }

  #goodbyes(beforeMs: number): { id: string; seen_ms: number }[] {
    return this.db
      .query<{ id: string; seen_ms: number }, [number, number]>(
        "SELECT id, seen_ms FROM sessions WHERE name = '' AND seen_ms < ? ORDER BY seen_ms LIMIT ?",
      )
      .all(beforeMs, sliceSessions);
  }
}
