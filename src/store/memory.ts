// The history in memory: everything is gone with the process, so its epoch is new each time.

import type { PrivateMessage, Said } from "../chat/events.ts";
import type { LogEntry, SessionRecord } from "../chat/history.ts";
import { history as limits } from "../limits.ts";
import { Mailboxes } from "./mailboxes.ts";
import { RoomLog } from "./room-log.ts";
import { SessionTable } from "./session-table.ts";
import { type Retention, type Store, defaultRetention, newEpoch } from "./store.ts";

/** A new, empty history. */
export function openMemoryHistory(
  options: { epoch?: string; retention?: Partial<Retention> } = {},
): Store {
  const retention = { ...defaultRetention("memory"), ...options.retention };
  return new MemoryHistory(options.epoch ?? newEpoch(), retention);
}

class MemoryHistory implements Store {
  readonly epoch: string;
  isInUse?: (room: string) => boolean;
  readonly #retention: Retention;
  /** The room that was quiet longest is the first. */
  #rooms = new Map<string, RoomLog>();
  #latest = "";
  #bytes = 0;
  /** Where a room begins that is not known (any more): no number is used twice. */
  #floor = 0;
  #mail: Mailboxes;
  #sessions: SessionTable;
  #cursor: MapIterator<RoomLog> | undefined;

  constructor(epoch: string, retention: Retention) {
    this.epoch = epoch;
    this.#retention = retention;
    this.#mail = new Mailboxes(retention.mailMessages, retention.mailBytes);
    this.#sessions = new SessionTable(retention.sessions, (id) => this.#mail.forgetBox(id));
  }

  lastSeq(room: string): number {
    return this.#rooms.get(room)?.last ?? this.#floor;
  }

  firstSeq(room: string): number {
    return this.#rooms.get(room)?.first ?? this.#floor + 1;
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

  session(id: string): SessionRecord | undefined {
    return this.#sessions.get(id);
  }

  sessionNamed(folded: string, sinceMs: number): SessionRecord | undefined {
    return folded === "" ? undefined : this.#sessions.named(folded, sinceMs);
  }

  mailAfter(id: string, mail: number, limit: number): readonly PrivateMessage[] {
    return this.#mail.after(id, mail, limit);
  }

  append({ said, mail, sessions }: LogEntry): void {
    for (let from = 0; from < said.length;) {
      const { room, seq } = said[from]!;
      let end = from + 1;
      while (end < said.length && said[end]!.room === room) end++;
      this.#appendRoom(room, seq, said, from, end);
      from = end;
    }
    for (const { session, message } of mail) this.#mail.append(session, message);
    for (const record of sessions) this.#sessions.put(record);
  }

  tidy(nowMs: number): boolean {
    const { maxAgeMs, sessionAgeMs, goodbyeAgeMs } = this.#retention;
    const unseenMs = nowMs - sessionAgeMs;
    const goneMs = nowMs - Math.min(goodbyeAgeMs, sessionAgeMs);
    const tooOldMs = nowMs - maxAgeMs;
    const rooms = this.#tidyRooms(tooOldMs, limits.sliceRows);
    const mail = this.#mail.forgetBefore(tooOldMs, limits.sliceRows);
    const sessions = this.#sessions.tidy(unseenMs, goneMs, limits.sliceRows);
    return rooms || mail || sessions;
  }

  close(): void {
    this.#rooms.clear();
  }

  #appendRoom(room: string, seq: number, said: readonly Said[], from: number, end: number): void {
    let log = this.#rooms.get(room);
    if (log === undefined) {
      // Whoever has seen the room's number before it was forgotten goes on from there.
      log = new RoomLog(seq - 1);
      this.#bytes += log.bytes;
      this.#rooms.set(room, log);
      if (this.#rooms.size > this.#retention.rooms) this.#forgetLeast(room);
    } else if (room !== this.#latest) {
      this.#rooms.delete(room);
      this.#rooms.set(room, log);
    }
    this.#latest = room;
    this.#changing(log, () => {
      log.append(said, from, end);
      const { messages, roomBytes } = this.#retention;
      if (log.kept > messages) log.forget(log.last - messages + 1);
      while (log.bytes > roomBytes && log.hasOlderBlocks) log.forgetBlock();
    });
    if (this.#bytes > this.#retention.totalBytes) this.#shrink();
  }

  #changing(log: RoomLog, change: () => void): void {
    const before = log.bytes;
    change();
    this.#bytes += log.bytes - before;
  }

  /** Texts of rooms where nobody is go, the quiet ones first; if that is not enough, the oldest of the room with the most. */
  #shrink(): void {
    const { totalBytes } = this.#retention;
    for (const [room, log] of this.#rooms) {
      if (this.#bytes <= totalBytes) return;
      if (room === this.#latest || log.kept === 0 || this.#isSpared(room)) continue;
      this.#changing(log, () => log.forget(log.last + 1));
    }
    while (this.#bytes > totalBytes) {
      let most: RoomLog | undefined;
      for (const log of this.#rooms.values()) {
        if (most === undefined || log.bytes > most.bytes) most = log;
      }
      if (most === undefined || !most.hasOlderBlocks) return;
      const log = most;
      this.#changing(log, () => log.forgetBlock());
    }
  }

  /**
   * One room but `newest` is no longer known; only that its numbers have been used is kept, for all such rooms. It is one where
   * nobody is, if there is such a room, and with the least to lose; of those the one that was quiet longest.
   */
  #forgetLeast(newest: string): void {
    let least: { room: string; log: RoomLog; isSpared: boolean } | undefined;
    for (const [room, log] of this.#rooms) {
      if (room === newest) continue;
      const isSpared = this.#isSpared(room);
      const isLess =
        least === undefined ||
        (isSpared === least.isSpared ? log.kept < least.log.kept : least.isSpared);
      if (isLess) least = { room, log, isSpared };
    }
    if (least === undefined) return;
    this.#floor = Math.max(this.#floor, least.log.last);
    this.#bytes -= least.log.bytes;
    this.#rooms.delete(least.room);
  }

  #isSpared(room: string): boolean {
    return this.isInUse?.(room) === true;
  }

  #tidyRooms(tooOldMs: number, limit: number): boolean {
    this.#cursor ??= this.#rooms.values();
    for (let looked = 0; looked < limit;) {
      const { done, value } = this.#cursor.next();
      if (done === true) {
        this.#cursor = undefined;
        return false;
      }
      const log = value;
      let seq = log.first;
      while (seq <= log.last && log.timeOf(seq) < tooOldMs) seq++;
      looked += seq - log.first + 1;
      if (seq > log.first) this.#changing(log, () => log.forget(seq));
    }
    return true;
  }
}
