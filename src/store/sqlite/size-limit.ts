// Keeps a data file within its size limit. If the file is too large, a sweep estimates the size of
// each room and mailbox, and the largest ones lose their oldest messages until the file fits: a
// flood loses what it wrote, and nobody else loses anything. Works in slices.

import type { Database } from "bun:sqlite";
import { history as limits } from "../../limits.ts";
import { accountsMark } from "../../share-owner.ts";
import { widestNetwork } from "../session-sql.ts";
import { isInRoom, keySeq } from "./batch-key.ts";
import { deleteBatches, type SqliteRooms } from "./rooms.ts";

/** A room, or the mailbox of `session`, and its estimated size in bytes. */
type Part = { room: { id: number; name: string } | undefined; session: string; bytes: number };

/** Maximum number of parts that one sweep deletes from. */
const maxParts = 100;
/** Bytes deleted per slice. */
const sliceBytes = 1_000_000;
/** A room's size is estimated from this many of its oldest and of its newest batches. */
const sampledBatches = 20;
/** Approximate bytes of a row in addition to its text. */
const rowBytes = 64;

/**
 * SQL for the person within a network, used where people own their names
 * (chat/private/absent-mail.ts).
 */
const person = `CASE WHEN substr(network, 1, 1) = '${accountsMark}' THEN sender ELSE '' END`;

/** SQL for the sizes of the oldest or newest `?2` batches of room `?1`. */
function sample(order: "ASC" | "DESC"): string {
  return `SELECT * FROM (SELECT count, octet_length(runs) + ${rowBytes} AS bytes
    FROM batches WHERE ${isInRoom("?1")} ORDER BY key ${order} LIMIT ?2)`;
}

export class SizeLimit {
  #isExceeded = false;
  #parts: Part[] = [];

  constructor(
    readonly db: Database,
    readonly maxBytes: number,
    readonly rooms: SqliteRooms,
  ) {}

  /** Call this before the sweep notes any room or mailbox. */
  beginSweep(): void {
    this.#isExceeded = this.#usedBytes() > this.maxBytes;
    this.#parts = [];
  }

  /** Whether the file is too large, so that sizes must be estimated. */
  get isExceeded(): boolean {
    return this.#isExceeded;
  }

  /** `kept` is the number of messages in the room. */
  noteRoom(id: number, name: string, kept: number): void {
    if (!this.#isExceeded || kept <= 0) return;
    const { bytes, count } = this.db
      .query<{ bytes: number; count: number }, [number, number]>(
        `SELECT total(bytes) AS bytes, total(count) AS count
         FROM (${sample("ASC")} UNION ALL ${sample("DESC")})`,
      )
      .get(id, sampledBatches)!;
    this.#note({ room: { id, name }, session: "", bytes: (kept * bytes) / Math.max(1, count) });
  }

  /** Notes one message of a mailbox. Messages of the same mailbox must be noted consecutively. */
  noteMail(session: string, textBytes: number): void {
    if (!this.#isExceeded) return;
    const bytes = textBytes + rowBytes;
    const last = this.#parts.at(-1);
    if (last !== undefined && last.room === undefined && last.session === session) {
      last.bytes += bytes;
    } else this.#note({ room: undefined, session, bytes });
  }

  /** Deletes a slice of the largest part; true if more has to be deleted. */
  deleteSlice(): boolean {
    if (!this.#isExceeded) return false;
    const [largest] = this.#sortParts();
    if (largest === undefined || this.#usedBytes() <= this.maxBytes) {
      this.#isExceeded = false;
      this.#parts = [];
      return false;
    }
    const { room, session } = largest;
    const deleted = room === undefined ? this.#deleteMail(session) : this.#deleteOldest(room);
    largest.bytes -= deleted;
    if (deleted === 0) this.#parts.shift();
    return true;
  }

  #note(part: Part): void {
    if (this.#parts.length >= 2 * maxParts) this.#parts = this.#sortParts().slice(0, maxParts);
    this.#parts.push(part);
  }

  /** Largest first. */
  #sortParts(): Part[] {
    return this.#parts.sort((a, b) => b.bytes - a.bytes);
  }

  #deleteOldest({ id, name }: { id: number; name: string }): number {
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
    this.rooms.forgetBefore(name, first);
    return bytes;
  }

  /** Deletes the oldest messages of the widest network or person that fills most of the mailbox. */
  #deleteMail(session: string): number {
    const size = `octet_length(text) + ${rowBytes}`;
    const owner = `${widestNetwork}, ${person}`;
    const oldest = this.db
      .query<{ mail: number; bytes: number }, [string, number]>(
        `SELECT mail, ${size} AS bytes FROM mail
         WHERE session = ?1 AND (${owner}) = (SELECT ${owner} FROM mail
           WHERE session = ?1 GROUP BY 1, 2 ORDER BY sum(${size}) DESC LIMIT 1)
         ORDER BY mail LIMIT ?2`,
      )
      .all(session, limits.sliceRows);
    const { slice, bytes } = firstSlice(oldest);
    const deleteMail = this.db.query("DELETE FROM mail WHERE session = ? AND mail = ?");
    this.db.transaction(() => {
      for (const { mail } of slice) deleteMail.run(session, mail);
    })();
    return bytes;
  }

  /** Excludes free pages. */
  #usedBytes(): number {
    const pragma = (name: string): number => {
      const row = this.db.query<Record<string, number>, []>(`PRAGMA ${name}`).get();
      return row?.[name] ?? 0;
    };
    return (pragma("page_count") - pragma("freelist_count")) * pragma("page_size");
  }
}

/** The rows that one slice deletes, and their size in bytes. */
function firstSlice<Row extends { bytes: number }>(
  rows: readonly Row[],
): { slice: readonly Row[]; bytes: number } {
  let bytes = 0;
  let count = 0;
  while (count < rows.length && bytes < sliceBytes) bytes += rows[count++]!.bytes;
  return { slice: rows.slice(0, count), bytes };
}
