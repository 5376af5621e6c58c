// The bound of a data file in bytes. When it is exceeded, a round of sweeping notes which rooms and
// mailboxes are the largest, and deletes the oldest of those until the rest fits: a flood loses
// what it has written, and others keep theirs. In slices.

import type { Database } from "bun:sqlite";
import { history as limits } from "../limits.ts";
import { isInRoom, keySeq } from "./batch-key.ts";
import { deleteBatches, type SqliteRooms } from "./sqlite-rooms.ts";

/** A room, or the mailbox of a session, with about so many bytes. */
type Part = { room: { id: number; name: string } | undefined; session: string; bytes: number };

/** Parts that one round takes from, and bytes that one slice deletes. */
const maxParts = 100;
const sliceBytes = 1_000_000;
/** Batches of a room whose length is looked at, of the newest and of the oldest. */
const sampled = 20;
/** What a row takes beside its text, about. */
const rowBytes = 64;

export class ByteBound {
  #isOver = false;
  #parts: Part[] = [];

  constructor(
    readonly db: Database,
    readonly maxBytes: number,
    readonly rooms: SqliteRooms,
  ) {}

  /** A round begins: all rooms and mailboxes are going to be noted. */
  begin(): void {
    this.#isOver = this.#usedBytes() > this.maxBytes;
    this.#parts = [];
  }

  /** Whether there is anything to note. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** `kept` is how many messages the room has. */
  noteRoom(id: number, name: string, kept: number): void {
    if (!this.#isOver || kept <= 0) return;
    const { bytes, count } = this.db
      .query<{ bytes: number; count: number }, [number, number]>(
        `SELECT total(octet_length(runs) + ${rowBytes}) AS bytes, total(count) AS count FROM (
           SELECT * FROM (SELECT count, runs FROM batches WHERE ${isInRoom("?1")} ORDER BY key LIMIT ?2)
           UNION ALL SELECT * FROM (SELECT count, runs FROM batches WHERE ${isInRoom("?1")} ORDER BY key DESC LIMIT ?2))`,
      )
      .get(id, sampled)!;
    this.#note({ room: { id, name }, session: "", bytes: (kept * bytes) / Math.max(1, count) });
  }

  /** A piece of a session's mail; pieces of one session come one after the other. */
  noteMail(session: string, textBytes: number): void {
    if (!this.#isOver) return;
    const bytes = textBytes + rowBytes;
    const last = this.#parts.at(-1);
    if (last !== undefined && last.room === undefined && last.session === session) {
      last.bytes += bytes;
    } else this.#note({ room: undefined, session, bytes });
  }

  /** Takes a slice of what is too much; true if there is more to take now. */
  slice(): boolean {
    if (!this.#isOver) return false;
    const [part] = this.#sorted();
    if (part === undefined || this.#usedBytes() <= this.maxBytes) {
      this.#isOver = false;
      this.#parts = [];
      return false;
    }
    const taken =
      part.room === undefined ? this.#takeMail(part.session) : this.#takeRoom(part.room);
    part.bytes -= taken;
    if (taken === 0) this.#parts.shift();
    return true;
  }

  #note(part: Part): void {
    if (this.#parts.length >= 2 * maxParts) this.#parts = this.#sorted().slice(0, maxParts);
    this.#parts.push(part);
  }

  /** The largest first. */
  #sorted(): Part[] {
    return this.#parts.sort((a, b) => b.bytes - a.bytes);
  }

  #takeRoom({ id, name }: { id: number; name: string }): number {
    const oldest = this.db
      .query<{ next_seq: number; bytes: number }, [number, number]>(
        `SELECT ${keySeq} + count AS next_seq, octet_length(runs) + ${rowBytes} AS bytes
         FROM batches WHERE ${isInRoom("?1")} ORDER BY key LIMIT ?2`,
      )
      .all(id, limits.sliceRows);
    const { slice, bytes } = firstSlice(oldest);
    const first = slice.at(-1)?.next_seq;
    if (first === undefined) return 0;
    deleteBatches(this.db, id, first, first - 1);
    this.rooms.forgot(name, first);
    return bytes;
  }

  /** Of whoever has the most in this mailbox. */
  #takeMail(session: string): number {
    const oldest = this.db
      .query<{ mail: number; bytes: number }, [string, number]>(
        `SELECT mail, octet_length(text) + ${rowBytes} AS bytes FROM mail
         WHERE session = ?1 AND sender = (SELECT sender FROM mail WHERE session = ?1
           GROUP BY sender ORDER BY sum(octet_length(text) + ${rowBytes}) DESC LIMIT 1)
         ORDER BY mail LIMIT ?2`,
      )
      .all(session, limits.sliceRows);
    const { slice, bytes } = firstSlice(oldest);
    const remove = this.db.query("DELETE FROM mail WHERE session = ? AND mail = ?");
    this.db.transaction(() => {
      for (const { mail } of slice) remove.run(session, mail);
    })();
    return bytes;
  }

  /** Of the file, without the pages that wait for something new. */
  #usedBytes(): number {
    const number = (name: string): number => {
      const row = this.db.query<Record<string, number>, []>(`PRAGMA ${name}`).get();
      return row?.[name] ?? 0;
    };
    return (number("page_count") - number("freelist_count")) * number("page_size");
  }
}

/** As many of the rows as a slice may take, and their bytes. */
function firstSlice<Row extends { bytes: number }>(
  rows: readonly Row[],
): { slice: readonly Row[]; bytes: number } {
  let bytes = 0;
  let count = 0;
  while (count < rows.length && bytes < sliceBytes) bytes += rows[count++]!.bytes;
  return { slice: rows.slice(0, count), bytes };
}
