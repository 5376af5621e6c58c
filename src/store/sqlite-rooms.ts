// The rooms' logs in a data file: pages of messages, and the numbers of the rooms in use beside the
// file.

import type { Database } from "bun:sqlite";
import type { Said } from "../chat/events.ts";
import type { RoomBatch, RoomBounds, RoomLog } from "../chat/store.ts";
import { batchKey, maxRoomId } from "./batch-key.ts";
import { packRuns, type StoredRun, unpackRuns } from "./packed-runs.ts";
import type { Read } from "./sqlite-file.ts";
import type { Statements } from "./sqlite-statements.ts";

/** `id` 0: a room that is not in the file. */
type RoomNumbers = { id: number; first: number; last: number };

/** Rooms remembered beside the file; more are looked up again. */
const cachedRooms = 4_096;

export class SqliteRooms implements RoomLog {
  readonly #sql: Statements;
  readonly #read: Read;
  readonly #maxMessages: number;
  readonly #rooms = new Map<string, RoomNumbers>();
  /** The ID that a new room was given last. */
  #lastId: number | undefined;

  /** Each room keeps `maxMessages`. */
  constructor(sql: Statements, read: Read, maxMessages: number) {
    this.#sql = sql;
    this.#read = read;
    this.#maxMessages = maxMessages;
  }

  bounds(room: string): RoomBounds {
    return this.#read(() => {
      const numbers = this.numbers(room);
      return { first: this.#first(numbers), last: numbers.last };
    });
  }

  after(room: string, seq: number, limit: number): readonly Said[] {
    return this.#read(() => {
      const numbers = this.numbers(room);
      const from = Math.max(seq + 1, this.#first(numbers));
      return this.#page(room, numbers.id, from, Math.min(numbers.last, from + limit - 1));
    });
  }

  before(room: string, seq: number, limit: number): readonly Said[] {
    return this.#read(() => {
      const numbers = this.numbers(room);
      const to = Math.min(seq - 1, numbers.last);
      const from = Math.max(this.#first(numbers), to - limit + 1);
      return this.#page(room, numbers.id, from, to);
    });
  }

  /** What the file has of a room. */
  numbers(room: string): Readonly<RoomNumbers> {
    const known = this.#rooms.get(room);
    if (known !== undefined) return known;
    const row = this.#sql.room.get(room);
    if (row === null) {
      const floor = Number(this.#sql.floor.get()?.value ?? 0);
      return { id: 0, first: floor + 1, last: floor };
    }
    const last = Math.max(row.last_seq, row.newest);
    const numbers = { id: row.id, first: row.first_seq, last };
    this.remember(room, numbers);
    return numbers;
  }

  remember(room: string, numbers: RoomNumbers): void {
    if (this.#rooms.size >= cachedRooms && !this.#rooms.has(room)) this.#rooms.clear();
    this.#rooms.set(room, numbers);
  }

  /** An ID that no room has. */
  freeId(): number {
    this.#lastId ??= this.#sql.highestRoomId.get()?.id ?? 0;
    do this.#lastId = (this.#lastId % maxRoomId) + 1;
    while (this.#sql.roomWithId.get(this.#lastId) !== null);
    return this.#lastId;
  }

  /** Messages under `first` have been deleted; undefined: the room has been. */
  forgot(room: string, first: number | undefined): void {
    const numbers = this.#rooms.get(room);
    if (numbers === undefined) return;
    if (first === undefined) this.#rooms.delete(room);
    else numbers.first = first;
  }

  /**
   * The lowest number that counts as kept, whether or not what is under it has been deleted yet.
   */
  #first({ first, last }: RoomNumbers): number {
    return Math.max(first, last - this.#maxMessages + 1);
  }

  #page(room: string, id: number, from: number, to: number): Said[] {
    const found: Said[] = [];
    if (id === 0 || from > to) return found;
    for (const { firstSeq, timeMs, json } of this.#sql.batchesBetween.all(id, from, to)) {
      const runs: StoredRun[] = JSON.parse(json);
      unpackRuns(runs, { room, firstSeq, timeMs }, [from, to], found);
    }
    return found;
  }
}

/** The rooms' numbers as one batch makes them; nobody sees them before it is committed. */
export class RoomChanges {
  readonly #rooms: SqliteRooms;
  readonly #sql: Statements;
  readonly #changed = new Map<string, RoomNumbers>();
  /** Of all rows, about. */
  bytes = 0;

  constructor(rooms: SqliteRooms, sql: Statements) {
    this.#rooms = rooms;
    this.#sql = sql;
  }

  /** The answer is the number of the first message. */
  append({ room, runs }: RoomBatch, clockMs: number): number {
    const numbers = this.#changed.get(room) ?? this.#open(room);
    this.#changed.set(room, numbers);
    const first = numbers.last + 1;
    for (const row of packRuns(runs)) {
      const firstSeq = numbers.last + 1;
      const { count, timeMs } = row;
      this.#sql.insertBatch.run(numbers.id, firstSeq, count, timeMs, clockMs, row.runs);
      numbers.last += count;
      this.bytes += row.runs.length;
    }
    return first;
  }

  /** The batch has been committed. */
  keep(): void {
    for (const [room, numbers] of this.#changed) this.#rooms.remember(room, numbers);
  }

  /** A copy of the room's numbers; the file gets the room if it is new. */
  #open(room: string): RoomNumbers {
    const known = this.#rooms.numbers(room);
    if (known.id !== 0) return { ...known };
    const id = this.#rooms.freeId();
    this.#sql.insertRoom.run(id, room, known.first, known.last);
    return { id, first: known.first, last: known.last };
  }
}

/**
 * Deletes a room's batches under number `first`; its highest number, `last`, is not forgotten with
 * them.
 */
export function deleteBatches(db: Database, room: number, first: number, last: number): void {
  db.transaction(() => {
    db.query(
      `DELETE FROM batches WHERE key BETWEEN ${batchKey("?1", "0")} AND ${batchKey("?1", "?2")} - 1`,
    ).run(room, first);
    db.query("UPDATE rooms SET first_seq = ?, last_seq = max(last_seq, ?) WHERE id = ?").run(
      first,
      last,
      room,
    );
  })();
}
