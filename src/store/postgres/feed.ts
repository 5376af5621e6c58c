// Delivers the other servers' commits to the hub: in the order of each room's numbers, without
// repetitions or gaps. Notifications bring most of it; the rest is read.

import type { SharedHub } from "../../chat/elsewhere/foreign-events.ts";
import type { RoomPresence } from "../../chat/elsewhere/foreign-presence.ts";
import type { SharedStore } from "../../chat/hub-state.ts";
import type { RightsChange, RightsRow } from "../../chat/rights/rights-rows.ts";
import { createDatabaseMetrics, type DatabaseMetrics } from "../../chat/metrics/metrics.ts";
import type { Said } from "../../chat/rooms/said.ts";
import { SaidRun } from "../../chat/rooms/said-run.ts";
import type { Batch, Committed } from "../../chat/turn/store.ts";
import { errorMessage } from "../../errors.ts";
import { postgres as limits } from "../../limits.ts";
import { quoted } from "../../text.ts";
import { AccountChanges, type AccountNotice } from "./account-changes.ts";
import { channel } from "./commit-function.ts";
import { Refused } from "./database.ts";
import type { DatabasePort } from "./database-port.ts";
import {
  eventOf,
  mayConcern,
  NoticeParts,
  type Notice,
  parseNotice,
  type Piece,
  runsOf,
} from "./notices.ts";
import { RightsReader } from "./rights-reader.ts";
import type { Follower, PostgresStore } from "./store.ts";

export class Feed implements Follower, SharedStore {
  readonly #database: DatabasePort;
  readonly #store: PostgresStore;
  readonly #log: (line: string) => void;
  readonly #metrics: DatabaseMetrics;
  #hub: SharedHub | undefined;
  /** Pieces that do not directly follow the hub's position yet. */
  readonly #waiting = new Map<string, Piece[]>();
  /** Rooms with a gap. */
  readonly #stale = new Set<string>();
  /** Rooms of whose members a change was missed, or may have been. */
  readonly #mayMissMembers = new Set<string>();
  /** Rooms whose members had changed more often than notified, at the last look; how often. */
  readonly #changes = new Map<string, number>();
  /** How many texts of each room had been erased when the hub was last told of it. */
  readonly #erased = new Map<string, number>();
  /**
   * How often in a row the database has refused to read a room's messages; counted once between two
   * looks, since notifications may ask many times a second.
   */
  readonly #refused = new Map<string, number>();
  readonly #refusedSinceLook = new Set<string>();
  readonly #parts = new NoticeParts();
  /** Rooms of the batch in flight: its own messages must not be read as those of others. */
  #inFlight: ReadonlySet<string> = new Set();
  /** Callbacks for when that batch is settled. */
  #whenSettled: (() => void)[] = [];
  #catchingUp: Promise<void> | undefined;
  /** Users may have joined or left without a notification. */
  #mayMissPeople = false;
  /** The same for mail. */
  #mayMissMail = false;
  /** Mailboxes that are still to be checked in this round. */
  #mailboxes: readonly (readonly [mailbox: string, mail: number])[] = [];
  /** Watched names that are still to be looked up. */
  #watched: readonly string[] = [];
  /** Signals are being fetched. */
  #taking: Promise<void> | undefined;
  /** Signals that the hub has handled, and whose deletion is not yet confirmed. */
  readonly #taken = new Set<string>();
  readonly #accounts: AccountChanges;
  readonly #rights: RightsReader;
  #stop: (() => void) | undefined;

  constructor(
    database: DatabasePort,
    store: PostgresStore,
    log: (line: string) => void,
    metrics = createDatabaseMetrics(),
  ) {
    this.#metrics = metrics;
    this.#database = database;
    this.#store = store;
    this.#log = log;
    store.follower = this;
    this.#accounts = new AccountChanges(database, store.process);
    this.#rights = new RightsReader(
      () => store.rights(),
      (rows) => this.#hub?.handleForeign({ type: "rights", rows }),
      (error) => this.#complain(error),
    );
  }

  /** `rights`: the hub's rows. @throws DatabaseAway, Refused */
  async start(rights: readonly RightsRow[]): Promise<void> {
    this.#rights.start(rights);
    this.#stop = await this.#database.listen(
      channel,
      (payload) => this.#hear(payload),
      () => {
        this.#mayMissAnything();
        void this.check().catch(() => {});
      },
    );
  }

  /** From now on the hub receives events. */
  attach(hub: SharedHub): void {
    this.#hub = hub;
  }

  stop(): void {
    this.#stop?.();
    this.#hub = undefined;
  }

  roomOpened(room: string): void {
    this.#missedMembers(room);
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

  isOpen(room: string): boolean {
    return this.#hub?.positionIn(room) !== undefined;
  }

  /** A user logs in who may have received more at another server than is known here. */
  async reach(room: string, seq: number): Promise<void> {
    // Own messages may be among them, which the hub delivers when they are settled.
    while (this.#inFlight.has(room) && (this.#hub?.positionIn(room)?.seq ?? seq) < seq) {
      await new Promise<void>((settled) => this.#whenSettled.push(settled));
    }
    await this.#readUpTo(room, seq);
  }

  outdated(session: string, claim: number): void {
    this.#hub?.handleForeign({ type: "outdated", session, claim });
  }

  fenced(): void {
    this.#metrics.fences++;
    this.#hub?.handleForeign({
      type: "fenced",
      reason: "The server was away from its database for too long: connect again",
    });
  }

  rightsStored(changes: readonly RightsChange[]): void {
    this.#rights.stored(changes);
  }

  /** Looks for everything that notifications may have missed. @throws DatabaseAway, Refused */
  async check(): Promise<void> {
    const hub = this.#hub;
    if (hub === undefined) return;
    for (const room of hub.openRooms()) this.#stale.add(room);
    this.#forgetClosedRooms();
    this.#refusedSinceLook.clear();
    // On a bad connection some of these fail: that must not keep the others waiting for long.
    const looks = await inTurn([
      () => this.#catchUp(),
      () => this.#takeSignals(),
      () => this.#lookForServers(hub),
      () => this.#lookForPeople(hub),
      () => this.#readMail(hub),
      async () => this.#handleAccounts(await this.#accounts.look()),
      async () => {
        await this.#rights.look();
        this.#hub?.handleForeign({ type: "looked" });
      },
    ]);
    const failed = looks.find((look) => look.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  #hear(payload: string): void {
    const whole = this.#parts.add(payload);
    const own = this.#store.serverId;
    if (whole === undefined || !mayConcern(whole, own)) return;
    const notice = parseNotice(whole);
    if (notice === undefined) return;
    if (notice.from === own) return this.#handleOwn(notice);
    this.#metrics.notices++;
    if (notice.isOver === true) {
      this.#mayMissPeople = true;
      this.#hub?.handleForeign({ type: "server-over", server: notice.from });
      return;
    }
    if (notice.isLarge === true) {
      this.#mayMissAnything();
      void this.check().catch((error: unknown) => this.#complain(error));
      return;
    }
    this.#handle(notice);
  }

  /** Own changes arrive in the order of all commits: others that follow directly are no gap. */
  #handleOwn({ from, pieces = [] }: Notice): void {
    const rooms = pieces.flatMap((piece) => {
      if (!("changes" in piece)) return [];
      const { room, version } = piece;
      const isNext = this.#hub?.positionIn(room)?.presence === version - 1;
      return isNext ? [{ room, version, changes: [] }] : [];
    });
    if (rooms.length > 0) this.#hub?.handleForeign({ type: "presence", server: from, rooms });
  }

  #handle({
    from,
    pieces = [],
    people = [],
    mail = [],
    hasSignals,
    rights,
    erased,
    charges = [],
    account,
  }: Notice): void {
    const hub = this.#hub;
    if (hub === undefined) return;
    const rooms = pieces.flatMap((piece) => {
      if (!this.#store.isOwn(from)) return this.#take(piece) ?? [];
      // By an earlier ID of this server, perhaps in the batch that is in flight.
      this.#missed(piece.room);
      return [];
    });
    if (rooms.length > 0) hub.handleForeign({ type: "presence", server: from, rooms });
    if (hasSignals === true) {
      void this.#takeSignals().catch((error: unknown) => this.#complain(error));
    }
    // Messages of a partner follow the start of the chat.
    if (mail.length > 0) {
      void (this.#taking ?? Promise.resolve())
        .catch(() => {})
        .then(() => {
          for (const [mailbox, number] of mail) {
            this.#hub?.handleForeign({ type: "mail", mailbox, mail: number });
          }
        });
    }
    if (people.length > 0) hub.handleForeign({ type: "people", people });
    if (erased !== undefined) {
      hub.handleForeign({ type: "erased", room: erased[0], seq: erased[1] });
    }
    if (charges.length > 0) hub.handleForeign({ type: "charged", charges });
    if (account !== undefined && this.#accounts.isNew(account)) this.#handleAccounts([account]);
    if (rights === true) this.#rights.readSoon();
  }

  /** Handles messages; returns a change of presence that comes next. */
  #take(piece: Piece): RoomPresence | undefined {
    const position = this.#hub?.positionIn(piece.room);
    if (position === undefined) return undefined;
    if ("changes" in piece) {
      if (piece.version === position.presence + 1) return piece;
      if (piece.version > position.presence) this.#missedMembers(piece.room);
      return undefined;
    }
    if (piece.seq + piece.count - 1 <= position.seq) return undefined;
    const waiting = this.#waiting.get(piece.room);
    if (waiting === undefined) this.#waiting.set(piece.room, [piece]);
    else waiting.push(piece);
    this.#deliverWaiting(piece.room);
    return undefined;
  }

  /** Delivers the waiting pieces that directly follow the hub's position. */
  #deliverWaiting(room: string): void {
    const waiting = this.#waiting.get(room) ?? [];
    for (;;) {
      const position = this.#hub?.positionIn(room);
      if (position === undefined) break;
      const index = waiting.findIndex((piece) => "seq" in piece && piece.seq === position.seq + 1);
      const piece = waiting[index];
      if (piece === undefined || !("seq" in piece)) {
        const rest = waiting.filter((one) => "seq" in one && one.seq > position.seq);
        if (rest.length === 0) break;
        this.#waiting.set(room, rest.slice(-limits.waitingPieces));
        return this.#missed(room);
      }
      waiting.splice(index, 1);
      this.#hub?.handleForeign({ type: "said", room, runs: runsOf(piece.runs, piece) });
    }
    this.#waiting.delete(room);
  }

  #mayMissAnything(): void {
    this.#mayMissPeople = true;
    this.#mayMissMail = true;
    for (const room of this.#hub?.openRooms() ?? []) this.#mayMissMembers.add(room);
  }

  #forgetClosedRooms(): void {
    for (const kept of [this.#mayMissMembers, this.#changes, this.#erased, this.#refused]) {
      for (const room of kept.keys()) if (!this.isOpen(room)) kept.delete(room);
    }
  }

  #missedMembers(room: string): void {
    this.#mayMissMembers.add(room);
    this.#missed(room);
  }

  #missed(room: string): void {
    this.#stale.add(room);
    this.#catchUpSoon();
  }

  #catchUpSoon(): void {
    void this.#catchUp().catch((error: unknown) => this.#complain(error));
  }

  /** Reads the gaps of stale rooms; later, if own messages may be among them. */
  async #catchUp(): Promise<void> {
    this.#catchingUp ??= this.#readStale().finally(() => (this.#catchingUp = undefined));
    await this.#catchingUp;
  }

  async #readStale(): Promise<void> {
    const later = new Set<string>();
    let refusal: Refused | undefined;
    while (this.#hub !== undefined) {
      for (const room of later) {
        if (!this.#inFlight.has(room) && later.delete(room)) this.#stale.add(room);
      }
      if (this.#stale.size === 0) break;
      const rooms = [...this.#stale].slice(0, limits.roomsPerLook);
      for (const room of rooms) this.#stale.delete(room);
      const rows = await this.#database.run<{
        name: string;
        seq: number | string;
        presence: number | string;
        erased: number | string;
      }>(
        `SELECT name, last_seq AS seq, presence, erased FROM parley.rooms
         WHERE name IN (SELECT json_array_elements_text($1::text::json))`,
        [JSON.stringify(rooms)],
      );
      for (const { name, seq, presence, erased } of rows) {
        try {
          await this.#readErased(name, Number(erased));
          // A batch in flight may be part of it; a later one can't be.
          if (this.#inFlight.has(name)) later.add(name);
          else await this.#readUpTo(name, Number(seq));
          if (this.#isRosterOld(name, Number(presence))) await this.#readRoster(name);
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

  /**
   * Whether the members of a room have to be read. If they have just changed, the notification is
   * probably on its way: then only if it has not arrived by the next look.
   */
  #isRosterOld(room: string, changes: number): boolean {
    const { presence = changes } = this.#hub?.positionIn(room) ?? {};
    const isMissed = this.#mayMissMembers.delete(room);
    const before = this.#changes.get(room) ?? 0;
    if (presence < changes) this.#changes.set(room, changes);
    else this.#changes.delete(room);
    return presence < changes && (isMissed || presence < before);
  }

  /** Delivers the room's messages up to `seq`. */
  async #readUpTo(room: string, seq: number): Promise<void> {
    for (;;) {
      const position = this.#hub?.positionIn(room);
      if (position === undefined || position.seq >= seq) return;
      this.#metrics.catchUps++;
      const read = await this.#page(room, position.seq, seq - position.seq);
      if (read === undefined) {
        this.#leaveOut(room, position.seq + 1, seq);
        continue;
      }
      const { page, erased } = read;
      // First: a client that has read further is not told again (RoomBounds).
      await this.#readErased(room, erased);
      const next = page[0]?.seq;
      // The missing messages were deleted, which takes weeks or a flood: the hub can't continue
      // without them.
      if (next === undefined || next > position.seq + 1) {
        this.#hub?.handleForeign({
          type: "skipped",
          room,
          seq: next === undefined ? seq : next - 1,
        });
        continue;
      }
      const runs = page.map(
        ({ seq: at, timeMs, from, alias, text, n, kind }) =>
          new SaidRun(room, at, timeMs, from, alias, n, 0, text, kind),
      );
      this.#hub?.handleForeign({ type: "said", room, runs });
    }
  }

  /** The next messages; undefined: the database refuses to read them, however often. */
  async #page(
    room: string,
    after: number,
    count: number,
  ): Promise<{ page: readonly Said[]; erased: number } | undefined> {
    try {
      const most = Math.min(limits.catchUpMessages, count);
      const read = await this.#store.rooms.pageAfter(room, after, most);
      this.#refused.delete(room);
      return read;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const before = this.#refused.get(room) ?? 0;
      if (before < limits.refusedReads && this.#refusedSinceLook.has(room)) throw error;
      this.#refusedSinceLook.add(room);
      this.#refused.set(room, before + 1);
      if (before + 1 < limits.refusedReads) throw error;
      return undefined;
    }
  }

  /**
   * What can't be read, perhaps because it is damaged, must not keep everything that follows from
   * being said. Twice as many each time, since nobody knows which they are.
   */
  #leaveOut(room: string, first: number, last: number): void {
    const times = (this.#refused.get(room) ?? 0) - limits.refusedReads;
    const seq = Math.min(last, first - 1 + 2 ** times);
    this.#log(
      `Messages ${first} to ${seq} of ${quoted(room)} can't be read from the database, and are left out`,
    );
    this.#hub?.handleForeign({ type: "skipped", room, seq });
  }

  /** What notifications have missed, if `count` texts of the room have been erased so far. */
  async #readErased(room: string, count: number): Promise<void> {
    if (!this.isOpen(room)) return;
    const known = this.#erased.get(room) ?? count;
    if (known < count) {
      for (const seq of await this.#store.rooms.erasedAfter(room, known)) {
        this.#hub?.handleForeign({ type: "erased", room, seq });
      }
    }
    this.#erased.set(room, Math.max(count, this.#erased.get(room) ?? 0));
  }

  async #readRoster(room: string): Promise<void> {
    this.#metrics.catchUps++;
    const roster = await this.#store.rooms.roster(room, this.#store.serverId);
    this.#hub?.handleForeign({ type: "roster", room, ...roster });
  }

  /** One after another, to keep the order. */
  async #takeSignals(): Promise<void> {
    const before = this.#taking;
    const taking = (before ?? Promise.resolve()).catch(() => {}).then(() => this.#readSignals());
    this.#taking = taking;
    try {
      await taking;
    } finally {
      if (this.#taking === taking) this.#taking = undefined;
    }
  }

  async #readSignals(): Promise<void> {
    const rows = await this.#database.run<{ id: string; signal: string }>(
      "SELECT id::text AS id, signal FROM parley.signals s WHERE server = $1 ORDER BY s.id",
      [this.#store.serverId],
    );
    if (rows.length === 0) return;
    for (const { id, signal } of rows) {
      if (this.#taken.has(id)) continue;
      this.#taken.add(id);
      this.#hub?.handleForeign(eventOf(signal));
    }
    // If the answer is lost, they may be returned again.
    const ids = rows.map(({ id }) => id);
    await this.#database.run(
      `DELETE FROM parley.signals
       WHERE id IN (SELECT value::bigint FROM json_array_elements_text($1::text::json))`,
      [JSON.stringify(ids)],
    );
    for (const id of ids) this.#taken.delete(id);
  }

  /** A server may have ended before this one had anything to do with its users. */
  async #lookForServers(hub: SharedHub): Promise<void> {
    for (const server of await this.#store.directory.over(hub.watchedServers())) {
      this.#hub?.handleForeign({ type: "server-over", server });
    }
  }

  /** Only a part of the watched names each time: there may be very many. */
  async #lookForPeople(hub: SharedHub): Promise<void> {
    if (this.#mayMissPeople) this.#watched = hub.watchedNames();
    this.#mayMissPeople = false;
    const names = this.#watched.slice(0, limits.watchedPerLook);
    if (names.length === 0) return;
    const people = await this.#store.directory.find(names, this.#store.serverId);
    this.#watched = this.#watched.slice(names.length);
    this.#hub?.handleForeign({ type: "watched", names, people });
  }

  /** Only a part of the mailboxes each time, unless notifications may have been missed. */
  async #readMail(hub: SharedHub): Promise<void> {
    if (this.#mayMissMail || this.#mailboxes.length === 0) this.#mailboxes = hub.openMailboxes();
    const count = this.#mayMissMail ? this.#mailboxes.length : limits.mailboxesInTurn;
    const open = this.#mailboxes.slice(0, count);
    this.#mailboxes = this.#mailboxes.slice(count);
    this.#mayMissMail = false;
    for (let i = 0; i < open.length; i += limits.mailboxesPerLook) {
      const known = new Map(open.slice(i, i + limits.mailboxesPerLook));
      const rows = await this.#database.run<{ id: string; mail: number | string }>(
        `SELECT id, mail FROM parley.sessions
         WHERE id IN (SELECT json_array_elements_text($1::text::json))`,
        [JSON.stringify([...known.keys()])],
      );
      for (const { id, mail } of rows) {
        if (Number(mail) <= (known.get(id) ?? 0)) continue;
        this.#hub?.handleForeign({ type: "mail", mailbox: id, mail: Number(mail) });
      }
    }
  }

  #handleAccounts(changes: readonly Pick<AccountNotice, "account" | "change">[]): void {
    for (const { account, change } of changes) {
      this.#hub?.handleForeign({ type: "account", account, change });
    }
  }

  #complain(error: unknown): void {
    this.#log(`What other servers do can't be read: ${errorMessage(error)}`);
  }
}

/** One after another, whether the ones before have failed or not. */
async function inTurn(
  tasks: readonly (() => Promise<void>)[],
): Promise<PromiseSettledResult<void>[]> {
  const results: PromiseSettledResult<void>[] = [];
  for (const task of tasks) results.push(...(await Promise.allSettled([task()])));
  return results;
}
