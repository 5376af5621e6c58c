// Keeps the hub's open rooms up to date with what other servers do: their messages in the order of
// the numbers, without repetitions or gaps, who is there, and which texts were erased. Pieces of
// notifications that directly follow the hub's position are delivered; what is missing is read.

import { BoundedMap } from "../../bounded-map.ts";
import type { SharedHub } from "../../chat/elsewhere/foreign-events.ts";
import type { RoomPresence } from "../../chat/elsewhere/foreign-presence.ts";
import type { DatabaseMetrics } from "../../chat/metrics/metrics.ts";
import type { Said } from "../../chat/rooms/said.ts";
import { SaidRun } from "../../chat/rooms/said-run.ts";
import type { Batch, Committed } from "../../chat/turn/store.ts";
import { postgres as limits } from "../../limits.ts";
import { quoted } from "../../text.ts";
import { Refused } from "./database.ts";
import type { DatabasePort } from "./database-port.ts";
import { type Piece, runsOf, type SaidPiece } from "./notices.ts";
import { RefusedReads } from "./refused-reads.ts";
import type { PostgresStore } from "./store.ts";

type NumbersRow = {
  name: string;
  seq: number | string;
  presence: number | string;
  erased: number | string;
};

export type RoomFollowerParts = {
  readonly database: DatabasePort;
  readonly store: PostgresStore;
  /** Undefined: there is none yet, or no more. */
  readonly hub: () => SharedHub | undefined;
  readonly metrics: DatabaseMetrics;
  readonly log: (line: string) => void;
  readonly complain: (error: unknown) => void;
};

export class RoomFollower {
  readonly #parts: RoomFollowerParts;
  /** Pieces that do not directly follow the hub's position yet. */
  readonly #waiting = new Map<string, readonly SaidPiece[]>();
  /** Rooms of which something is to be read. */
  readonly #stale = new Set<string>();
  /** Rooms of whose members a change was missed, or may have been. */
  readonly #mayMissMembers = new Set<string>();
  /** Rooms whose members had changed more often than notified, at the last look; how often. */
  readonly #changes = new Map<string, number>();
  /** How many texts of each room had been erased when the hub was last told of it. */
  readonly #erased = new Map<string, number>();
  /** The same for rooms that are about to be opened, or have just been. */
  readonly #opening = new BoundedMap<string, number>(limits.roomsOpening);
  readonly #refused = new RefusedReads();
  /** Rooms of the batch in flight: its own messages must not be read as those of others. */
  #inFlight: ReadonlySet<string> = new Set();
  /** Callbacks for when that batch is settled. */
  #whenSettled: (() => void)[] = [];
  #catchingUp: Promise<void> | undefined;

  constructor(parts: RoomFollowerParts) {
    this.#parts = parts;
  }

  isOpen(room: string): boolean {
    return this.#positionIn(room) !== undefined;
  }

  committing({ rooms }: Batch): void {
    this.#inFlight = new Set(rooms.map(({ room }) => room));
  }

  async beforeSettled(batch: Batch, committed: Committed): Promise<void> {
    for (const [i, { room }] of batch.rooms.entries()) {
      await this.#readUpTo(room, (committed.rooms[i] ?? 1) - 1);
    }
  }

  settled(): void {
    this.#inFlight = new Set();
  }

  afterSettled(): void {
    for (const room of this.#waiting.keys()) this.#deliverWaiting(room);
    if (this.#stale.size > 0) this.#catchUpSoon();
    for (const then of this.#whenSettled.splice(0)) then();
  }

  /**
   * Resolves when the hub has the room's messages up to `seq`, if the room is open. `erasures`: of
   * how many texts it is being told that they were erased; of later ones it hears.
   */
  async reach(room: string, seq: number, erasures: number): Promise<void> {
    if (!this.#opening.has(room)) this.#opening.set(room, erasures);
    // Own messages may be among them, which the hub delivers when they are settled.
    while (this.#inFlight.has(room) && (this.#positionIn(room)?.seq ?? seq) < seq) {
      await new Promise<void>((settled) => this.#whenSettled.push(settled));
    }
    await this.#readUpTo(room, seq);
  }

  /** Handles messages; returns a change of presence that comes next. */
  handlePiece(piece: Piece): RoomPresence | undefined {
    const position = this.#positionIn(piece.room);
    if (position === undefined) return undefined;
    if ("changes" in piece) {
      if (piece.version === position.presence + 1) return piece;
      if (piece.version > position.presence) this.missedMembers(piece.room);
      return undefined;
    }
    this.#waiting.set(piece.room, [...(this.#waiting.get(piece.room) ?? []), piece]);
    this.#deliverWaiting(piece.room);
    return undefined;
  }

  /** Notifications may have been missed. */
  mayMissMembers(): void {
    for (const room of this.#parts.hub()?.openRooms() ?? []) this.#mayMissMembers.add(room);
  }

  missedMembers(room: string): void {
    this.#mayMissMembers.add(room);
    this.missed(room);
  }

  missed(room: string): void {
    this.#stale.add(room);
    this.#catchUpSoon();
  }

  /** Reads whatever is missing of the open rooms. @throws DatabaseAway, Refused */
  async look(): Promise<void> {
    for (const room of this.#parts.hub()?.openRooms() ?? []) this.#stale.add(room);
    for (const kept of [this.#mayMissMembers, this.#changes, this.#erased]) {
      for (const room of kept.keys()) if (!this.isOpen(room)) kept.delete(room);
    }
    this.#refused.beginLook((room) => this.isOpen(room));
    await this.#catchUp();
  }

  #positionIn(room: string) {
    return this.#parts.hub()?.positionIn(room);
  }

  /** Delivers the waiting pieces that directly follow the hub's position. */
  #deliverWaiting(room: string): void {
    let waiting = this.#waiting.get(room) ?? [];
    for (;;) {
      const position = this.#positionIn(room);
      waiting = waiting.filter(({ seq }) => position !== undefined && seq > position.seq);
      const next = waiting.find(({ seq }) => seq === (position?.seq ?? 0) + 1);
      if (next === undefined) break;
      waiting = waiting.filter((piece) => piece !== next);
      this.#parts.hub()?.handleForeign({ type: "said", room, runs: runsOf(next.runs, next) });
    }
    if (waiting.length === 0) return void this.#waiting.delete(room);
    this.#waiting.set(room, waiting.slice(-limits.waitingPieces));
    this.missed(room);
  }

  #catchUpSoon(): void {
    void this.#catchUp().catch((error: unknown) => this.#parts.complain(error));
  }

  /** Reads the gaps of stale rooms; later, if own messages may be among them. */
  async #catchUp(): Promise<void> {
    this.#catchingUp ??= this.#readStale().finally(() => (this.#catchingUp = undefined));
    await this.#catchingUp;
  }

  async #readStale(): Promise<void> {
    const later = new Set<string>();
    let refusal: Refused | undefined;
    while (this.#parts.hub() !== undefined) {
      for (const room of later) {
        if (!this.#inFlight.has(room) && later.delete(room)) this.#stale.add(room);
      }
      if (this.#stale.size === 0) break;
      const rooms = [...this.#stale].slice(0, limits.roomsPerLook);
      for (const room of rooms) this.#stale.delete(room);
      const known = new Map(rooms.map((room) => [room, this.#positionIn(room)?.presence ?? 0]));
      for (const { name, seq, presence, erased } of await this.#numbersOf(rooms)) {
        // Retention has dropped the room while somebody was entering it.
        const isAnew = Number(presence) < (known.get(name) ?? 0);
        if (isAnew) this.#erased.set(name, 0);
        try {
          await this.#readErased(name, Number(erased));
          // A batch in flight may be part of it; a later one can't be.
          if (this.#inFlight.has(name)) later.add(name);
          else await this.#readUpTo(name, Number(seq));
          const isOld = this.#isRosterOld(name, Number(presence));
          if (isOld || isAnew) await this.#readRoster(name, isAnew);
        } catch (error) {
          // The other rooms need not wait for this one.
          if (!(error instanceof Refused)) throw error;
          refusal = error;
        }
      }
    }
    for (const room of later) this.#stale.add(room);
    if (refusal !== undefined) throw refusal;
  }

  async #numbersOf(rooms: readonly string[]): Promise<readonly NumbersRow[]> {
    return await this.#parts.database.run<NumbersRow>(
      `SELECT name, last_seq AS seq, presence, erased FROM parley.rooms
       WHERE name IN (SELECT json_array_elements_text($1::text::json))`,
      [JSON.stringify(rooms)],
    );
  }

  /**
   * Whether the members of a room have to be read. If they have just changed, the notification is
   * probably on its way: then only if it has not arrived by the next look.
   */
  #isRosterOld(room: string, changes: number): boolean {
    const { presence = changes } = this.#positionIn(room) ?? {};
    const isMissed = this.#mayMissMembers.delete(room);
    const before = this.#changes.get(room) ?? 0;
    if (presence < changes) this.#changes.set(room, changes);
    else this.#changes.delete(room);
    return presence < changes && (isMissed || presence < before);
  }

  async #readRoster(room: string, isAnew: boolean): Promise<void> {
    const { metrics, store, hub } = this.#parts;
    metrics.catchUps++;
    const roster = await store.rooms.roster(room, store.serverId);
    hub()?.handleForeign({ type: "roster", room, isAnew, ...roster });
  }

  /** What notifications have missed, if `count` texts of the room have been erased so far. */
  async #readErased(room: string, count: number): Promise<void> {
    if (!this.isOpen(room)) return;
    const { store, hub } = this.#parts;
    const known = this.#erased.get(room) ?? this.#opening.get(room) ?? count;
    if (known < count) {
      for (const seq of await store.rooms.erasedAfter(room, known)) {
        hub()?.handleForeign({ type: "erased", room, seq });
      }
    }
    this.#erased.set(room, Math.max(count, this.#erased.get(room) ?? 0));
    this.#opening.delete(room);
  }

  /** Delivers the room's messages up to `seq`. */
  async #readUpTo(room: string, seq: number): Promise<void> {
    for (;;) {
      const position = this.#positionIn(room);
      if (position === undefined || position.seq >= seq) return;
      this.#parts.metrics.catchUps++;
      const read = await this.#page(room, position.seq, seq - position.seq);
      if (read === undefined) {
        this.#leaveOut(room, position.seq + 1, seq);
        continue;
      }
      // First: a client that has read further is not told again (RoomBounds).
      await this.#readErased(room, read.erased);
      this.#deliverPage(room, position.seq, seq, read.page);
    }
  }

  /** `page`: messages after `from` that are kept; if others are deleted, some may be after `to`. */
  #deliverPage(room: string, from: number, to: number, page: readonly Said[]): void {
    const next = page[0]?.seq ?? to + 1;
    // The missing messages were deleted, which takes weeks or a flood: the hub can't continue
    // without them. What follows `to` may be its own.
    if (next > from + 1) return this.#skipTo(room, Math.min(to, next - 1));
    const runs = page.map((said) => {
      const run = new SaidRun({ ...said, author: 0 }, [said.text]);
      if (said.deleted === true) run.erase(said.seq);
      return run;
    });
    this.#parts.hub()?.handleForeign({ type: "said", room, runs });
  }

  /** The next messages; undefined: the database refuses to read them, however often. */
  async #page(
    room: string,
    after: number,
    count: number,
  ): Promise<{ page: readonly Said[]; erased: number } | undefined> {
    try {
      const most = Math.min(limits.catchUpMessages, count);
      const read = await this.#parts.store.rooms.pageAfter(room, after, most);
      this.#refused.noteRead(room);
      return read;
    } catch (error) {
      if (!(error instanceof Refused) || !this.#refused.noteRefused(room)) throw error;
      return undefined;
    }
  }

  /**
   * What can't be read, perhaps because it is damaged, must not keep everything that follows from
   * being said.
   */
  #leaveOut(room: string, first: number, last: number): void {
    const seq = Math.min(last, first - 1 + this.#refused.leftOutOf(room));
    this.#parts.log(
      `Messages ${first} to ${seq} of ${quoted(room)} can't be read from the database, and are left out`,
    );
    this.#skipTo(room, seq);
  }

  #skipTo(room: string, seq: number): void {
    this.#parts.hub()?.handleForeign({ type: "skipped", room, seq });
  }
}
