// The logs of all rooms in memory, limited in number and size. Rooms that are not in use are
// trimmed before those that are, and quiet rooms before busy ones. Knows nothing about mail and
// sessions.

import type { Said } from "../../chat/events.ts";
import type { RoomBatch, RoomBounds, RoomLog } from "../../chat/turn/store.ts";
import { MemoryRoom } from "./room.ts";
import type { Retention } from "../retention.ts";

export class MemoryRooms implements RoomLog {
  readonly #retention: Retention;
  readonly #isInUse: (room: string) => boolean;
  /** Ordered by the last message: the quietest room is first. */
  readonly #rooms = new Map<string, MemoryRoom>();
  #busiest = "";
  #bytes = 0;
  /** New rooms start after this number, so that no number is assigned twice. */
  #floor = 0;
  #sweepCursor: MapIterator<MemoryRoom> | undefined;

  constructor(retention: Retention, isInUse: (room: string) => boolean) {
    this.#retention = retention;
    this.#isInUse = isInUse;
  }

  bounds(room: string, since?: number): RoomBounds {
    const log = this.#rooms.get(room);
    if (log === undefined) return { first: this.#floor + 1, last: this.#floor };
    const erased = since === undefined ? undefined : log.erasedSince(since);
    return { first: log.first, last: log.last, erased };
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

  erase(room: string, seq: number): boolean {
    return this.#rooms.get(room)?.erase(seq) ?? false;
  }

  /** Returns the number of the first message. */
  append({ room, runs }: RoomBatch, clockMs: number): number {
    const log = this.#open(room);
    const { messages, roomBytes, totalBytes } = this.#retention;
    const before = log.bytes;
    const first = log.append(runs, clockMs);
    if (log.kept > messages) log.deleteBefore(log.last - messages + 1);
    while (log.bytes > roomBytes && log.hasOlderBlocks) log.deleteOldestBlock();
    this.#bytes += log.bytes - before;
    if (this.#bytes > totalBytes) this.#shrink();
    return first;
  }

  /**
   * Deletes what was appended before `clockMs`, examining about `limit` rows. True if more remain.
   */
  sweep(clockMs: number, limit: number): boolean {
    this.#sweepCursor ??= this.#rooms.values();
    let left = limit;
    while (left > 0) {
      const { done, value: log } = this.#sweepCursor.next();
      if (done === true) {
        this.#sweepCursor = undefined;
        return false;
      }
      const before = log.bytes;
      left -= log.deleteOlder(clockMs);
      this.#bytes += log.bytes - before;
    }
    return true;
  }

  clear(): void {
    this.#rooms.clear();
  }

  /** The room's log, created if necessary; the room becomes the most recent. */
  #open(room: string): MemoryRoom {
    let log = this.#rooms.get(room);
    if (log === undefined) {
      log = new MemoryRoom(this.#floor);
      this.#bytes += log.bytes;
      this.#rooms.set(room, log);
      if (this.#rooms.size > this.#retention.rooms) this.#dropSmallest(room);
    } else if (room !== this.#busiest) {
      this.#rooms.delete(room);
      this.#rooms.set(room, log);
    }
    this.#busiest = room;
    return log;
  }

  /**
   * Empties unused rooms, the quietest first. If that is not enough, the largest rooms lose their
   * oldest messages.
   */
  #shrink(): void {
    const { totalBytes } = this.#retention;
    for (const [room, log] of this.#rooms) {
      if (this.#bytes <= totalBytes) return;
      if (room === this.#busiest || log.kept === 0 || this.#isInUse(room)) continue;
      const before = log.bytes;
      log.deleteBefore(log.last + 1);
      this.#bytes += log.bytes - before;
    }
    while (this.#bytes > totalBytes) {
      let largest: MemoryRoom | undefined;
      for (const log of this.#rooms.values()) {
        if (largest === undefined || log.bytes > largest.bytes) largest = log;
      }
      if (largest === undefined || !largest.hasOlderBlocks) return;
      const before = largest.bytes;
      largest.deleteOldestBlock();
      this.#bytes += largest.bytes - before;
    }
  }

  /**
   * Drops one room other than `newest`: an unused one if possible, among those the one with the
   * fewest messages, and the quietest if several have as few.
   */
  #dropSmallest(newest: string): void {
    let smallest: { room: string; log: MemoryRoom; isInUse: boolean } | undefined;
    for (const [room, log] of this.#rooms) {
      if (room === newest) continue;
      const isInUse = this.#isInUse(room);
      const isSmaller =
        smallest === undefined ||
        (isInUse === smallest.isInUse ? log.kept < smallest.log.kept : smallest.isInUse);
      if (isSmaller) smallest = { room, log, isInUse };
    }
    if (smallest === undefined) return;
    this.#floor = Math.max(this.#floor, smallest.log.last);
    this.#bytes -= smallest.log.bytes;
    this.#rooms.delete(smallest.room);
  }
}
