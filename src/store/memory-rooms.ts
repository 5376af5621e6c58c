// All rooms' logs in memory, bounded in number and bytes. Who loses: rooms where nobody is before
// others, quiet ones before busy ones. Knows nothing of mail and sessions.

import type { Said } from "../chat/events.ts";
import type { RoomBatch, RoomBounds, RoomLog } from "../chat/store.ts";
import { MemoryRoom } from "./memory-room.ts";
import type { Retention } from "./store.ts";

export class MemoryRooms implements RoomLog {
  readonly #retention: Retention;
  readonly #isInUse: (room: string) => boolean;
  /** The room that was quiet longest is the first. */
  readonly #rooms = new Map<string, MemoryRoom>();
  #latest = "";
  #bytes = 0;
  /** Where a room begins that is not known (any more): no number is used twice. */
  #floor = 0;
  #cursor: MapIterator<MemoryRoom> | undefined;

  constructor(retention: Retention, isInUse: (room: string) => boolean) {
    this.#retention = retention;
    this.#isInUse = isInUse;
  }

  bounds(room: string): RoomBounds {
    const log = this.#rooms.get(room);
    if (log === undefined) return { first: this.#floor + 1, last: this.#floor };
    return { first: log.first, last: log.last };
  }

  after(room: string, seq: number, limit: number): readonly Said[] {
    const log = this.#rooms.get(room);
    if (log === undefined) return [];
    const from = Math.max(seq + 1, log.first);
    return log.read(room, from, Math.min(log.last, from + limit - 1));
  }

  before(room: string, seq: number, limit: number): readonly Said[] {
    const log = this.#rooms.get(room);
    if (log === undefined) return [];
    const to = Math.min(seq - 1, log.last);
    return log.read(room, Math.max(log.first, to - limit + 1), to);
  }

  /** The answer is the number of the first message. */
  append({ room, runs }: RoomBatch, clockMs: number): number {
    const log = this.#open(room);
    const { messages, roomBytes } = this.#retention;
    let first = 0;
    this.#changing(log, () => {
      first = log.append(runs, clockMs);
      if (log.kept > messages) log.forget(log.last - messages + 1);
      while (log.bytes > roomBytes && log.hasOlderBlocks) log.forgetBlock();
    });
    if (this.#bytes > this.#retention.totalBytes) this.#shrink();
    return first;
  }

  /**
   * Forgets what was appended before `clockMs`, looking at about `limit` rows; true if there is
   * more to look at.
   */
  sweep(clockMs: number, limit: number): boolean {
    this.#cursor ??= this.#rooms.values();
    let left = limit;
    while (left > 0) {
      const { done, value: log } = this.#cursor.next();
      if (done === true) {
        this.#cursor = undefined;
        return false;
      }
      const before = log.bytes;
      left -= log.forgetBefore(clockMs);
      this.#bytes += log.bytes - before;
    }
    return true;
  }

  clear(): void {
    this.#rooms.clear();
  }

  /** The room's log, which is made if there is none, as the busiest one. */
  #open(room: string): MemoryRoom {
    let log = this.#rooms.get(room);
    if (log === undefined) {
      // Clients that saw the room's number before it was forgotten continue from there.
      log = new MemoryRoom(this.#floor);
      this.#bytes += log.bytes;
      this.#rooms.set(room, log);
      if (this.#rooms.size > this.#retention.rooms) this.#forgetLeast(room);
    } else if (room !== this.#latest) {
      this.#rooms.delete(room);
      this.#rooms.set(room, log);
    }
    this.#latest = room;
    return log;
  }

  #changing(log: MemoryRoom, change: () => void): void {
    const before = log.bytes;
    change();
    this.#bytes += log.bytes - before;
  }

  /**
   * Empties rooms where nobody is, the quiet ones first; if that is not enough, the largest room
   * loses its oldest.
   */
  #shrink(): void {
    const { totalBytes } = this.#retention;
    for (const [room, log] of this.#rooms) {
      if (this.#bytes <= totalBytes) return;
      if (room === this.#latest || log.kept === 0 || this.#isInUse(room)) continue;
      this.#changing(log, () => log.forget(log.last + 1));
    }
    while (this.#bytes > totalBytes) {
      let largest: MemoryRoom | undefined;
      for (const log of this.#rooms.values()) {
        if (largest === undefined || log.bytes > largest.bytes) largest = log;
      }
      if (largest === undefined || !largest.hasOlderBlocks) return;
      const log = largest;
      this.#changing(log, () => log.forgetBlock());
    }
  }

  /**
   * Forgets one room other than `newest`, of which only the numbers stay reserved. It is one where
   * nobody is, if there is one, and of those the one with the fewest messages; of equals the
   * quietest.
   */
  #forgetLeast(newest: string): void {
    let least: { room: string; log: MemoryRoom; isInUse: boolean } | undefined;
    for (const [room, log] of this.#rooms) {
      if (room === newest) continue;
      const isInUse = this.#isInUse(room);
      const isLess =
        least === undefined ||
        (isInUse === least.isInUse ? log.kept < least.log.kept : least.isInUse);
      if (isLess) least = { room, log, isInUse };
    }
    if (least === undefined) return;
    this.#floor = Math.max(this.#floor, least.log.last);
    this.#bytes -= least.log.bytes;
    this.#rooms.delete(least.room);
  }
}
