// The bound of a data file in bytes. When it is exceeded, a round of clearing up notes who has the most, rooms and mailboxes alike, and
// takes the oldest of the largest until the rest fits: a flood loses what it has written, and others keep theirs. In bounded slices.

import type { Database } from "bun:sqlite";
import { history as limits } from "../limits.ts";

/** A room, or the mailbox of a session, with about so many bytes. */
type Part = { room: { id: number; name: string } | undefined; session: string; bytes: number };
type Row = { at: number; chars: number };

/** From so many parts one round takes, and so many bytes in one slice. */
const maxParts = 100;
const sliceBytes = 1_000_000;
/** Messages of a room whose length is looked at, of the newest and of the oldest. */
const sampled = 20;
/** What a message takes beside its text, about. */
const rowBytes = 64;

export class ByteBound {
  #isOver = false;
  #parts: Part[] = [];

  /** `forgotten` hears which number of a room is now the lowest. */
  constructor(
    readonly db: Database,
    readonly maxBytes: number,
    readonly forgotten: (room: string, first: number) => void,
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
    const chars = this.db
      .query<{ chars: number }, [number, number]>(
        `SELECT coalesce(avg(length(text)), 0) AS chars FROM (
           SELECT * FROM (SELECT text FROM messages WHERE room = ?1 ORDER BY seq LIMIT ?2)
           UNION ALL SELECT * FROM (SELECT text FROM messages WHERE room = ?1 ORDER BY seq DESC LIMIT ?2))`,
      )
      .get(id, sampled)!.chars;
    this.#note({ room: { id, name }, session: "", bytes: kept * (chars + rowBytes) });
  }

  /** A piece of a session's mail; pieces of one session come one after the other. */
  noteMail(session: string, chars: number): void {
    if (!this.#isOver) return;
    const bytes = chars + rowBytes;
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
      .query<Row, [number, number]>(
        "SELECT seq AS at, length(text) AS chars FROM messages WHERE room = ? ORDER BY seq LIMIT ?",
      )
      .all(id, limits.sliceRows);
    const { last, bytes } = firstOf(oldest);
    if (last === undefined) return 0;
    this.db.transaction(() => {
      this.db.query("DELETE FROM messages WHERE room = ? AND seq <= ?").run(id, last);
      this.db
        .query("UPDATE rooms SET first_seq = ?, last_seq = max(last_seq, ?) WHERE id = ?")
        .run(last + 1, last, id);
    })();
    this.forgotten(name, last + 1);
    return bytes;
  }

  #takeMail(session: string): number {
    const oldest = this.db
      .query<Row, [string, number]>(
        "SELECT mail AS at, length(text) AS chars FROM mail WHERE session = ? ORDER BY mail LIMIT ?",
      )
      .all(session, limits.sliceRows);
    const { last, bytes } = firstOf(oldest);
    if (last === undefined) return 0;
    this.db.query("DELETE FROM mail WHERE session = ? AND mail <= ?").run(session, last);
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

/** As many of the rows as a slice may take: where they end, and their bytes. */
function firstOf(rows: readonly Row[]): { last: number | undefined; bytes: number } {
  let last: number | undefined;
  let bytes = 0;
  for (const { at, chars } of rows) {
    last = at;
    bytes += chars + rowBytes;
    if (bytes >= sliceBytes) break;
  }
  return { last, bytes };
}
