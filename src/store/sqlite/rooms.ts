// Room logs in a data file: reads pages, appends batches, deletes the oldest. Caches the numbers of
// rooms in use.

import type { Database } from "bun:sqlite";
import type { Said } from "../../chat/events.ts";
import type { RoomBatch, RoomBounds, RoomLog } from "../../chat/turn/store.ts";
import { protocol as limits } from "../../limits.ts";
import { eraseAt, packRuns, type StoredRun, unpackRuns } from "../packed-runs.ts";
import { quoted } from "../../text.ts";
import { batchKey, maxRoomId } from "./batch-key.ts";
import { readStored } from "./errors.ts";
import type { Read, Statements } from "./statements.ts";

/** `id` is 0 for a room that is not in the file. */
type RoomNumbers = { id: number; first: number; last: number };

/** Beyond this, the cache is emptied. */
const maxCachedRooms = 4_096;

export class SqliteRooms implements RoomLog {
  readonly #sql: Statements;
  readonly #read: Read;
  readonly #write: (work: () => void) => void;
  readonly #maxMessages: number;
  readonly #cache = new Map<string, RoomNumbers>();
  #lastNewId: number | undefined;

  /** Each room keeps `maxMessages`. `write` runs its argument in a transaction. */
  constructor(sql: Statements, read: Read, write: (work: () => void) => void, maxMessages: number) {
    this.#sql = sql;
    this.#read = read;
    this.#write = write;
    this.#maxMessages = maxMessages;
  }

  bounds(room: string, since?: number): RoomBounds {
    return this.#read(() => {
      const numbers = this.numbers(room);
      const erased = since === undefined ? undefined : this.#erasedSince(numbers.id, since);
      return { first: this.#firstKept(numbers), last: numbers.last, erased };
    });
  }

  after(room: string, seq: number, limit: number): readonly Said[] {
    return this.#read(() => {
      const numbers = this.numbers(room);
      const from = Math.max(seq + 1, this.#firstKept(numbers));
      return this.#page(room, numbers.id, from, Math.min(numbers.last, from + limit - 1));
    });
  }

  before(room: string, seq: number, limit: number): readonly Said[] {
    return this.#read(() => {
      const numbers = this.numbers(room);
      const to = Math.min(seq - 1, numbers.last);
      const from = Math.max(this.#firstKept(numbers), to - limit + 1);
      return this.#page(room, numbers.id, from, to);
    });
  }

  erase(room: string, seq: number): boolean {
    let outcome: ReturnType<typeof eraseAt>;
    this.#write(() => {
      const numbers = this.numbers(room);
      if (numbers.id === 0 || seq < this.#firstKept(numbers)) return;
      const [batch] = this.#sql.batchesBetween.all(numbers.id, seq, seq);
      if (batch === undefined) return;
      const runs = readStored<StoredRun[]>(batch.json, `A message of ${quoted(room)}`);
      outcome = eraseAt(runs, seq - batch.firstSeq);
      if (outcome !== "erased") return;
      this.#sql.setRuns.run(JSON.stringify(runs), numbers.id, batch.firstSeq);
      this.#sql.insertErasure.run(numbers.id, seq, numbers.last);
      this.#sql.trimErasures.run(numbers.id, limits.erasures);
    });
    return outcome !== undefined;
  }

  /** The room's numbers as stored. */
  numbers(room: string): Readonly<RoomNumbers> {
    const cached = this.#cache.get(room);
    if (cached !== undefined) return cached;
    const row = this.#sql.room.get(room);
    if (row === null) {
      const floor = Number(this.#sql.floor.get()?.value ?? 0);
      return { id: 0, first: floor + 1, last: floor };
    }
    const last = Math.max(row.last_seq, row.newest);
    const numbers = { id: row.id, first: row.first_seq, last };
    this.cache(room, numbers);
    return numbers;
  }

  cache(room: string, numbers: RoomNumbers): void {
    if (this.#cache.size >= maxCachedRooms && !this.#cache.has(room)) this.#cache.clear();
    this.#cache.set(room, numbers);
  }

  /** Finds an ID for a new room. */
  newId(): number {
    this.#lastNewId ??= this.#sql.highestRoomId.get()?.id ?? 0;
    do this.#lastNewId = (this.#lastNewId % maxRoomId) + 1;
    while (this.#sql.roomWithId.get(this.#lastNewId) !== null);
    return this.#lastNewId;
  }

  /** Tells the cache that the room's messages below `first` were deleted. */
  forgetBefore(room: string, first: number): void {
    const cached = this.#cache.get(room);
    if (cached !== undefined) cached.first = first;
  }

  /** Tells the cache that the room was deleted. */
  forget(room: string): void {
    this.#cache.delete(room);
  }

  #erasedSince(id: number, since: number): number[] {
    return this.#sql.erasedSince.all(id, since).map(({ seq }) => seq);
  }

  /** Messages beyond the limit count as deleted before a sweep deletes them. */
  #firstKept({ first, last }: RoomNumbers): number {
    return Math.max(first, last - this.#maxMessages + 1);
  }

  #page(room: string, id: number, from: number, to: number): Said[] {
    const found: Said[] = [];
    if (id === 0 || from > to) return found;
    for (const { firstSeq, timeMs, json } of this.#sql.batchesBetween.all(id, from, to)) {
      const runs = readStored<StoredRun[]>(json, `A message of ${quoted(room)}`);
      unpackRuns(runs, { room, firstSeq, timeMs }, [from, to], found);
    }
    return found;
  }
}

/** Appends one batch's messages within its transaction. Readers see them after `committed`. */
export class RoomAppender {
  /** Rows written so far. */
  rows = 0;
  bytes = 0;
  readonly #rooms: SqliteRooms;
  readonly #sql: Statements;
  readonly #changed = new Map<string, RoomNumbers>();

  constructor(rooms: SqliteRooms, sql: Statements) {
    this.#rooms = rooms;
    this.#sql = sql;
  }

  /** Returns the number of the first message. */
  append({ room, runs }: RoomBatch, clockMs: number): number {
    const numbers = this.#changed.get(room) ?? this.#open(room);
    this.#changed.set(room, numbers);
    const first = numbers.last + 1;
    for (const row of packRuns(runs)) {
      const firstSeq = numbers.last + 1;
      const { count, timeMs } = row;
      this.#sql.insertBatch.run(numbers.id, firstSeq, count, timeMs, clockMs, row.runs);
      numbers.last += count;
      this.rows++;
      this.bytes += row.runs.length;
    }
    return first;
  }

  committed(): void {
    for (const [room, numbers] of this.#changed) this.#rooms.cache(room, numbers);
  }

  /** A copy of the room's numbers. Inserts a new room. */
  #open(room: string): RoomNumbers {
    const known = this.#rooms.numbers(room);
    if (known.id !== 0) return { ...known };
    const id = this.#rooms.newId();
    this.#sql.insertRoom.run(id, room, known.first, known.last);
    return { id, first: known.first, last: known.last };
  }
}

/** Deletes a room's batches below number `first`. `last`, its highest number, is preserved. */
export function deleteBatches(db: Database, room: number, first: number, last: number): void {
  const range = `${batchKey("?1", "0")} AND ${batchKey("?1", "?2")} - 1`;
  db.transaction(() => {
    db.query(`DELETE FROM batches WHERE key BETWEEN ${range}`).run(room, first);
    db.query("DELETE FROM erasures WHERE room = ? AND seq < ?").run(room, first);
    db.query("UPDATE rooms SET first_seq = ?, last_seq = max(last_seq, ?) WHERE id = ?").run(
      first,
      last,
      room,
    );
  })();
}
