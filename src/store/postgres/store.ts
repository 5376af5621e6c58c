// The store in PostgreSQL: answers the hub's requests asynchronously. If an outcome is unknown, the
// answer says so, and the hub asks again.

import { holderAt } from "../../chat/elsewhere/foreign-person.ts";
import { hostSecretRow } from "../../chat/rights/rights.ts";
import type { RightsChange, RightsRow } from "../../chat/rights/rights-rows.ts";
import type {
  Batch,
  Committed,
  NameClaim,
  NameClaimed,
  SessionRecord,
  StoreReply,
  StoreRequest,
} from "../../chat/turn/store.ts";
import { ParleyError } from "../../errors.ts";
import { steadyMs } from "../../io/clock.ts";
import { history, postgres as limits } from "../../limits.ts";
import { secretText } from "../../secrets.ts";
import { defaultRetention, type Retention } from "../retention.ts";
import { newEpoch } from "../server-store.ts";
import { AwayClock } from "./away-clock.ts";
import { PostgresAccounts } from "./accounts.ts";
import { batchJson } from "./batch-json.ts";
import { channel, fencedState, movedState } from "./commit-function.ts";
import { DatabaseAway, Refused, type Run } from "./database.ts";
import type { DatabasePort } from "./database-port.ts";
import { PostgresDirectory } from "./directory.ts";
import { PostgresMailboxes } from "./mailboxes.ts";
import { migrate } from "./migrate.ts";
import { PostgresRooms } from "./rooms.ts";
import { recordOf, sessionColumns, type SessionRow } from "./session-rows.ts";
import { type ClockOptions, SharedClock } from "./shared-clock.ts";
import { PostgresSweep } from "./sweep.ts";

export type PostgresOptions = ClockOptions & {
  /** The pin of the server's key, which all servers of the database share; empty: it has none. */
  pin?: string | undefined;
  retention?: Partial<Retention> | undefined;
  /** Unlike that of any other server. */
  newServerId?: (() => string) | undefined;
};

type ClaimRow = {
  n: number | string | null;
  claim: number | string | null;
  refused: string | null;
};
type ClaimRequest = Extract<StoreRequest, { type: "claim-name" }>;
type Parts = {
  retention: Retention;
  clock: SharedClock;
  away: AwayClock;
  newServerId: () => string;
};

/** Delivers the commits of other servers. */
export interface Follower {
  /** A batch is being sent to the database, possibly again. */
  committing(batch: Batch): void;
  /** Called before a commit is answered: earlier messages of others must be delivered first. */
  beforeSettled(batch: Batch, committed: Committed): Promise<void>;
  /** The outcome of the batch is known. Called before the commit is answered. */
  settled(): void;
  /** Called after a commit was answered; the next one may be in flight. */
  afterSettled(): void;
  isOpen(room: string): boolean;
  /** Resolves when the hub has the room's messages up to `seq`, if the room is open. */
  reach(room: string, seq: number, erasures: number): Promise<void>;
  /** The session with this record has moved, and can't send anything here. */
  outdated(session: string, claim: number): void;
  /** Other servers have declared this server's users gone. */
  fenced(): void;
  /** The hub has learned that its own decisions are stored: a reading may not contain them. */
  rightsStored(changes: readonly RightsChange[]): void;
}

type AccountRequest = Extract<
  StoreRequest,
  { type: "put-code" | "find-code" | "find-account" | "change-account" }
>;

export class PostgresStore {
  readonly epoch: string;
  follower: Follower | undefined;
  readonly rooms: PostgresRooms;
  /** Identifies the process, whatever IDs it gets among the servers. */
  readonly process: string;
  #serverId: string;
  readonly #newServerId: () => string;
  /** The last batch, and the ID it was sent under. */
  #sent = { number: 0, as: "" };
  readonly #pin: string;
  readonly #database: DatabasePort;
  #leasedMs = 0;
  /** The address where clients reach this server; empty: unknown. */
  #address = "";
  readonly #mailboxes: PostgresMailboxes;
  readonly #accounts: PostgresAccounts;
  readonly directory: PostgresDirectory;
  readonly #sweep: PostgresSweep;
  readonly #clock: SharedClock;
  readonly #away: AwayClock;
  readonly #clockStepMs: number;

  /** @throws ParleyError `storage`, DatabaseAway, Refused */
  static async open(database: DatabasePort, options: PostgresOptions = {}): Promise<PostgresStore> {
    await migrate(database, newEpoch());
    const [epoch] = await database.run<{ value: string }>(
      "SELECT value FROM parley.meta WHERE key = 'epoch'",
    );
    const { pin = "" } = options;
    const [other] = await database.run<{ pin: string }>(
      `SELECT pin FROM parley.servers
       WHERE pin <> $1 AND NOT is_over AND NOT has_left AND expires > clock_timestamp() LIMIT 1`,
      [pin],
    );
    if (other !== undefined) throw new ParleyError("storage", otherKey(other.pin));
    const store = new PostgresStore(database, epoch?.value ?? "", pin, {
      retention: { ...defaultRetention("disk"), ...options.retention },
      clock: await SharedClock.open(database, options),
      away: await AwayClock.open(database, options),
      newServerId: options.newServerId ?? (() => secretText(9)),
    });
    await store.#register(store.serverId);
    return store;
  }

  private constructor(
    database: DatabasePort,
    epoch: string,
    pin: string,
    { retention, clock, away, newServerId }: Parts,
  ) {
    this.epoch = epoch;
    this.#pin = pin;
    this.#newServerId = newServerId;
    this.#serverId = newServerId();
    this.process = this.#serverId;
    this.#database = database;
    this.#mailboxes = new PostgresMailboxes(database, retention.mailMessages);
    this.directory = new PostgresDirectory(database);
    this.#accounts = new PostgresAccounts(database);
    this.#sweep = new PostgresSweep(database, retention);
    this.rooms = new PostgresRooms(database, retention.messages);
    this.#clock = clock;
    this.#away = away;
    this.#clockStepMs = retention.goodbyeAgeMs / 10;
  }

  /** The current ID of this process among the servers of the database; it changes after fencing. */
  get serverId(): string {
    return this.#serverId;
  }

  /** Whether a batch that this process has sent may have that ID. */
  isOwn(server: string): boolean {
    return server === this.#serverId || server === this.#sent.as;
  }

  /** When the lease was last renewed, at the latest; in steady milliseconds (io/clock.ts). */
  get leasedMs(): number {
    return this.#leasedMs;
  }

  /** Folded names with an owner. */
  async registeredNames(): Promise<string[]> {
    const rows = await this.#database.run<{ folded: string }>("SELECT folded FROM parley.accounts");
    return rows.map(({ folded }) => folded);
  }

  /**
   * Sets the address where clients reach this server, `HOST:PORT`; if that fails, with the next
   * renewal. @throws DatabaseAway, Refused
   */
  async setAddress(address: string): Promise<void> {
    this.#address = address;
    await this.#database.run("UPDATE parley.servers SET address = $2 WHERE id = $1", [
      this.#serverId,
      address,
    ]);
  }

  /** Renews the lease, and ends those of dead servers. @throws DatabaseAway, Refused */
  async renew(): Promise<void> {
    const id = this.#serverId;
    const atMs = steadyMs();
    const renewed = await this.#database.run(
      `UPDATE parley.servers
       SET expires = clock_timestamp() + $2 * interval '1 millisecond', address = $3
       WHERE id = $1 AND NOT is_over RETURNING 1`,
      [id, limits.leaseMs, this.#address],
    );
    if (renewed.length === 0) await this.#handleFenced(id);
    else this.#leased(atMs);
    await this.#away.sync();
    await this.#database.run("SELECT parley.reap()");
  }

  /**
   * All servers derive the same hosts (rights.ts), starting with the first. @throws DatabaseAway,
   * Refused
   */
  async makeHostSecret(): Promise<void> {
    const { key, value } = hostSecretRow(secretText(18));
    await this.#database.run(
      "INSERT INTO parley.rights (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING",
      [key, value],
    );
  }

  /** Every row, in any order. */
  async rights(): Promise<readonly RightsRow[]> {
    return await this.#database.run<RightsRow>("SELECT key, value FROM parley.rights");
  }

  /** Deletes a slice of what exceeds the retention; true if more is left. */
  async sweep(): Promise<boolean> {
    return await this.#sweep.slice(this.#clock);
  }

  /** Answers a request once, later. */
  readonly answer = (request: StoreRequest, reply: (reply: StoreReply) => void): void => {
    if (request.type === "commit") this.follower?.committing(request.batch);
    this.#perform(request)
      .catch((error: unknown) => this.#failure(request, error))
      .then((outcome) => {
        // A batch that may have been committed counts as in flight until its outcome is known.
        const isSettled = request.type === "commit" && outcome.outcome !== "unknown";
        if (isSettled) this.follower?.settled();
        reply(outcome);
        if (isSettled) this.follower?.afterSettled();
        const isStored = request.type === "change-rights" && outcome.outcome === "done";
        if (isStored) this.follower?.rightsStored(request.changes);
      });
  };

  /**
   * Lets the lease end soon, but not at once: for the people at other servers, those who resume
   * their sessions there until then have never left. A server with another key may start at once.
   * Best effort: it also expires by itself.
   */
  async leave(): Promise<void> {
    const left = this.#database.run(
      `UPDATE parley.servers
       SET has_left = true,
         expires = least(expires, clock_timestamp() + $2 * interval '1 millisecond')
       WHERE id = $1`,
      [this.#serverId, limits.returnMs],
    );
    await left.catch(() => {});
  }

  /** Only times of one client are compared, which says all of them or none. */
  #askedMs({ asked }: NameClaim): number {
    return asked === undefined ? 0 : (asked.sentMs ?? this.#away.common(asked.openedMs));
  }

  async #register(id: string): Promise<void> {
    const atMs = steadyMs();
    await this.#database.run(
      `INSERT INTO parley.servers (id, pin, expires, address)
       VALUES ($1, $2, clock_timestamp() + $3 * interval '1 millisecond', $4)`,
      [id, this.#pin, limits.leaseMs, this.#address],
    );
    this.#leased(atMs);
  }

  #leased(atMs: number): void {
    this.#leasedMs = Math.max(this.#leasedMs, atMs);
  }

  /**
   * Other servers have declared the users of this server, with that ID, gone: it continues with
   * another ID, without them.
   */
  async #handleFenced(id: string): Promise<void> {
    const next = this.#newServerId();
    await this.#register(next);
    // Several requests may notice this at the same time.
    if (id !== this.#serverId) return await this.#unregister(next);
    this.#serverId = next;
    this.follower?.fenced();
  }

  async #unregister(id: string): Promise<void> {
    await this.#database.run("DELETE FROM parley.servers WHERE id = $1", [id]);
  }

  #failure({ id }: StoreRequest, error: unknown): StoreReply {
    if (error instanceof DatabaseAway) return { id, outcome: "unknown" };
    if (error instanceof ParleyError) return { id, outcome: "failed", error };
    if (!(error instanceof Refused)) throw error;
    const sentence = `The database has refused this: ${whyRefused(error)}`;
    return { id, outcome: "failed", error: new ParleyError("storage", sentence) };
  }

  async #perform(request: StoreRequest): Promise<StoreReply> {
    const done = { id: request.id, outcome: "done" } as const;
    switch (request.type) {
      case "commit":
        return { ...done, type: "commit", result: await this.#commit(request.batch) };
      case "room-bounds": {
        // The hub knows the members of its open rooms; it keeps a room open until the answer.
        const { room, since } = request;
        const isOpen = this.follower?.isOpen(room) === true;
        const { bounds: result, erasures } = isOpen
          ? await this.rooms.bounds(room, since)
          : await this.rooms.boundsFor(room, since, this.#serverId);
        await this.follower?.reach(room, result.last, erasures);
        return { ...done, type: "room-bounds", result };
      }
      case "read-room": {
        const { room, limit } = request;
        const result =
          "after" in request
            ? await this.rooms.after(room, request.after, limit)
            : await this.rooms.before(room, request.before, limit);
        return { ...done, type: "read-room", result };
      }
      case "read-mail":
      case "count-mail":
      case "list-mail":
        return await this.#mailboxes.answer(request);
      case "load-session":
        return { ...done, type: "load-session", result: await this.#session(request.session) };
      case "find-name": {
        const result = await this.#named(request.name, request.sinceMs);
        return { ...done, type: "find-name", result };
      }
      case "claim-name":
        return { ...done, type: "claim-name", result: await this.#claim(request) };
      case "find-elsewhere":
      case "find-claimant":
      case "list-elsewhere":
      case "overview":
        return await this.directory.answer(request, this.#serverId);
      case "erase-message": {
        const { room, seq } = request;
        const tell = (run: Run) => this.#tell({ erased: [room, seq] }, run);
        const result = await this.rooms.erase(room, seq, tell);
        return { ...done, type: "erase-message", result };
      }
      case "tell-charges":
        await this.#tell({
          charges: request.charges,
          charging: { process: this.process, request: request.id },
        });
        return { ...done, type: "tell-charges", result: undefined };
      case "change-rights": {
        const result = await this.#changeRights(request.id, request.changes);
        return { ...done, type: "change-rights", result };
      }
      default:
        return await this.#performOnAccounts(request);
    }
  }

  async #performOnAccounts(request: AccountRequest): Promise<StoreReply> {
    const done = { id: request.id, outcome: "done" } as const;
    switch (request.type) {
      case "put-code":
        return { ...done, type: "put-code", result: await this.#accounts.putCode(request) };
      case "find-code":
        return { ...done, type: "find-code", result: await this.#accounts.findCode(request.hash) };
      case "find-account":
        return { ...done, type: "find-account", result: await this.#accounts.find(request.lookup) };
      case "change-account": {
        const id = { process: this.process, request: request.id };
        const result = await this.#accounts.change(request.change, id, (run, account) =>
          this.#tell({ account }, run),
        );
        return { ...done, type: "change-account", result };
      }
    }
  }

  async #commit(batch: Batch): Promise<Committed> {
    // A batch that may have been committed is looked up under the same ID, even after a new one was
    // taken: its numbers are stored there.
    const { number } = batch;
    if (this.#sent.number !== number) this.#sent = { number, as: this.#serverId };
    const id = this.#sent.as;
    try {
      return await this.#commitAs(id, batch);
    } catch (error) {
      if (isFenced(error)) await this.#handleFenced(id);
      this.#handleMoved(batch, error);
      throw error;
    }
  }

  /** A user in the batch is connected to another server: otherwise nothing here could be stored. */
  #handleMoved({ sessions }: Batch, error: unknown): void {
    if (!(error instanceof Refused) || !isMoved(error)) return;
    for (const { id: session, claim } of sessions) {
      if (claim === undefined || !error.message.includes(session)) continue;
      this.follower?.outdated(session, claim);
    }
  }

  async #commitAs(id: string, batch: Batch): Promise<Committed> {
    const { said, there, people, letters, gone, directory, signals } = batchJson(
      batch,
      id,
      this.#away,
    );
    const sentMs = steadyMs();
    const [row] = await this.#database.run<{ reply: string }>(
      `SELECT parley.commit($1, $2, $3, $4, $5, $6::text::json, $7::text::json, $8::text::json,
         $9::text::json, $10::text::json, $11::text::json, $12::text::json) AS reply`,
      [
        id,
        batch.number,
        limits.leaseMs,
        this.#clock.nowMs,
        Math.floor(this.#clockStepMs),
        said,
        there,
        people,
        letters,
        gone,
        directory,
        signals,
      ],
    );
    this.#leased(sentMs);
    const committed: Committed = JSON.parse(row?.reply ?? "");
    await this.#follow(batch, committed);
    return committed;
  }

  /** The batch is committed: what fails from here on does not undo it. @throws DatabaseAway */
  async #follow(batch: Batch, committed: Committed): Promise<void> {
    try {
      for (const [i, { session }] of batch.mail.entries()) {
        // If that fails, a later message makes it due again.
        await this.#mailboxes.trim(session, committed.mail[i] ?? 0).catch(leaveForLater);
      }
      await this.follower?.beforeSettled(batch, committed);
    } catch (error) {
      throw error instanceof Refused ? new DatabaseAway(error.message) : error;
    }
  }

  async #session(id: string): Promise<SessionRecord | undefined> {
    const [row] = await this.#database.run<SessionRow>(
      `SELECT ${sessionColumns} FROM parley.sessions s WHERE s.id = $1`,
      [id],
    );
    return row === undefined ? undefined : recordOf(row, this.#away);
  }

  /**
   * The user of the name at another server, otherwise its last user. One stranger can give a name
   * to thousands of sessions: reads only those written last; a row's clock may lag by a step.
   */
  async #named(name: string, sinceMs: number): Promise<SessionRecord | undefined> {
    const [other] = await this.#database.run<{ holder: string; seen: number | string | null }>(
      `SELECT n.holder, s.seen_ms AS seen FROM parley.names n
       LEFT JOIN parley.sessions s ON s.id = n.holder
       WHERE n.folded = $1 AND n.server <> $2 LIMIT 1`,
      [name, this.#serverId],
    );
    if (other !== undefined) {
      const { holder: id, seen } = other;
      const seenMs = seen === null ? sinceMs : this.#away.own(Number(seen));
      return { id, name, n: 0, mail: 0, network: "", seenMs, isElsewhere: true };
    }
    const [row] = await this.#database.run<SessionRow>(
      `SELECT ${sessionColumns} FROM parley.sessions s
       WHERE s.name = $1 AND s.name <> '' AND s.seen_ms >= $2 AND s.clock_ms >= (
         SELECT min(clock_ms) - $4 FROM (
           SELECT clock_ms FROM parley.sessions WHERE name = $1 AND name <> ''
           ORDER BY clock_ms DESC LIMIT $3) newest)
       ORDER BY s.seen_ms DESC, s.id COLLATE "C" DESC LIMIT 1`,
      [name, this.#away.common(sinceMs), history.maxNamesakes, Math.ceil(this.#clockStepMs)],
    );
    return row === undefined ? undefined : recordOf(row, this.#away);
  }

  /** Repeated under the same number, it has the same result. */
  async #claim({ id: number, claim, session, isWithdrawn }: ClaimRequest): Promise<NameClaimed> {
    const id = this.#serverId;
    try {
      const [row] = await this.#database.run<ClaimRow>(
        "SELECT n, claim, refused FROM parley.claim($1, $2, $3, $4, $5, $6, $7, $8)",
        [
          id,
          number,
          claim.name,
          holderAt(id, claim.holder),
          session ?? "",
          isWithdrawn === true,
          this.#clock.nowMs,
          this.#askedMs(claim),
        ],
      );
      if (row === undefined || row.n === null) return { isFree: false };
      const refused = row.refused ?? undefined;
      const { n, claim: taking } = row;
      const counted = { n: Number(n), refused };
      const taken = taking === null ? undefined : { ...counted, claim: Number(taking) };
      return { isFree: true, taken };
    } catch (error) {
      if (!isFenced(error)) throw error;
      await this.#handleFenced(id);
      throw new DatabaseAway("This server was believed to be down: ask again");
    }
  }

  /** Repeated under the same number, it has no effect: others may have decided since. */
  async #changeRights(
    number: number,
    changes: readonly RightsChange[],
  ): Promise<readonly RightsChange[]> {
    if (changes.length === 0) return [];
    return await this.#database.transact(async (run) => {
      const first = await run(
        `INSERT INTO parley.claimed (server, request) VALUES ($1, $2)
         ON CONFLICT DO NOTHING RETURNING 1`,
        [this.process, number],
      );
      if (first.length === 0) return await outdatedOf(changes, run);
      for (const { key, value, before } of changes) {
        if (value === undefined && before !== undefined) {
          await run("DELETE FROM parley.rights WHERE key = $1 AND value = $2", [key, before]);
        } else if (value === undefined) {
          await run("DELETE FROM parley.rights WHERE key = $1", [key]);
        } else if (before !== undefined) {
          await run("UPDATE parley.rights SET value = $2 WHERE key = $1 AND value = $3", [
            key,
            value,
            before,
          ]);
        } else {
          await run(
            `INSERT INTO parley.rights (key, value) VALUES ($1, $2)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
            [key, value],
          );
        }
      }
      // Notified together: a decision that is repeated would undo what others have decided since.
      await this.#tell({ rights: true }, run);
      return await outdatedOf(changes, run);
    });
  }

  /** Notifies the other servers. Best effort: they also check by themselves. */
  async #tell(note: object, run: Run = this.#database.run): Promise<void> {
    const text = JSON.stringify({ from: this.#serverId, ...note });
    await run("SELECT pg_notify($1, $2)", [channel, text]);
  }
}

/** The rows that were to be updated and have another value, as they are now. */
async function outdatedOf(
  changes: readonly RightsChange[],
  run: Run,
): Promise<readonly RightsChange[]> {
  const outdated: RightsChange[] = [];
  for (const { key, value, before } of changes) {
    if (before === undefined) continue;
    const [row] = await run<RightsRow>("SELECT value FROM parley.rights WHERE key = $1", [key]);
    if (row?.value !== value) outdated.push({ key, value: row?.value });
  }
  return outdated;
}

/** What the database has not done. */
function leaveForLater(error: unknown): void {
  if (!(error instanceof Refused) && !(error instanceof DatabaseAway)) throw error;
}

function isFenced(error: unknown): boolean {
  return error instanceof Refused && error.state === fencedState;
}

function isMoved(error: unknown): boolean {
  return error instanceof Refused && error.state === movedState;
}

/** For everybody whose messages are in the batch: they need not know whose session it is. */
function whyRefused(error: Refused): string {
  if (isFenced(error)) return "the server was away from it for too long";
  if (isMoved(error)) return "somebody who spoke in the same moment is at another server now";
  return error.message;
}

function otherKey(pin: string): string {
  const whose = pin === "" ? "no key" : `another key (${pin})`;
  return `The other servers of this database have ${whose}: give this one the same server.pem in its --state`;
}
