// Delivers what other servers have committed to the hub. Notifications bring most of it; what they
// may have missed is looked for every second.

import { BoundedMap } from "../../bounded-map.ts";
import type { ForeignEvent, SharedHub } from "../../chat/elsewhere/foreign-events.ts";
import type { SharedStore } from "../../chat/hub-state.ts";
import type { RightsChange, RightsRow } from "../../chat/rights/rights-rows.ts";
import { createDatabaseMetrics, type DatabaseMetrics } from "../../chat/metrics/metrics.ts";
import type { Batch, Committed } from "../../chat/turn/store.ts";
import { errorMessage } from "../../errors.ts";
import { postgres as limits } from "../../limits.ts";
import { AccountChanges, type AccountNotice, type ChangeId } from "./account-changes.ts";
import { channel } from "./commit-function.ts";
import type { DatabasePort } from "./database-port.ts";
import { MailReader } from "./mail-reader.ts";
import { mayConcern, NoticeParts, type Notice, parseNotice } from "./notices.ts";
import { PeopleReader } from "./people-reader.ts";
import { RightsReader } from "./rights-reader.ts";
import { RoomFollower } from "./room-follower.ts";
import { SignalReader } from "./signal-reader.ts";
import type { Follower, PostgresStore } from "./store.ts";

export class Feed implements Follower, SharedStore {
  readonly #database: DatabasePort;
  readonly #store: PostgresStore;
  readonly #log: (line: string) => void;
  readonly #metrics: DatabaseMetrics;
  #hub: SharedHub | undefined;
  readonly #parts = new NoticeParts();
  readonly #rooms: RoomFollower;
  readonly #signals: SignalReader;
  readonly #people: PeopleReader;
  readonly #mail: MailReader;
  readonly #accounts: AccountChanges;
  readonly #rights: RightsReader;
  /** By process: the last request with charges that was heard here. */
  readonly #charging = new BoundedMap<string, number>(limits.processesHeard);
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
    this.#rooms = new RoomFollower({
      database,
      store,
      hub: () => this.#hub,
      metrics,
      log,
      complain: (error) => this.#complain(error),
    });
    const deliver = (event: ForeignEvent) => this.#hub?.handleForeign(event);
    this.#signals = new SignalReader(database, () => store.serverId, deliver);
    this.#people = new PeopleReader(store, deliver);
    this.#mail = new MailReader(database, deliver);
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
    this.#rooms.missedMembers(room);
  }

  committing(batch: Batch): void {
    this.#rooms.committing(batch);
  }

  async beforeSettled(batch: Batch, committed: Committed): Promise<void> {
    await this.#rooms.beforeSettled(batch, committed);
  }

  settled(): void {
    this.#rooms.settled();
  }

  afterSettled(): void {
    this.#rooms.afterSettled();
  }

  isOpen(room: string): boolean {
    return this.#rooms.isOpen(room);
  }

  /** A user logs in who may have received more at another server than is known here. */
  async reach(room: string, seq: number, erasures: number): Promise<void> {
    await this.#rooms.reach(room, seq, erasures);
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
    // On a bad connection some of these fail: that must not keep the others waiting for long.
    const looks = await inTurn([
      () => this.#rooms.look(),
      () => this.#signals.read(),
      () => this.#lookForServers(hub),
      () => this.#people.look(hub),
      () => this.#mail.look(hub),
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
    charging,
    account,
  }: Notice): void {
    const hub = this.#hub;
    if (hub === undefined) return;
    const rooms = pieces.flatMap((piece) => {
      if (!this.#store.isOwn(from)) return this.#rooms.handlePiece(piece) ?? [];
      // By an earlier ID of this server, perhaps in the batch that is in flight.
      this.#rooms.missed(piece.room);
      return [];
    });
    if (rooms.length > 0) hub.handleForeign({ type: "presence", server: from, rooms });
    if (hasSignals === true) {
      void this.#signals.read().catch((error: unknown) => this.#complain(error));
    }
    // Messages of a partner follow the start of the chat.
    if (mail.length > 0) {
      void this.#signals.idle().then(() => {
        for (const [mailbox, number] of mail) {
          this.#hub?.handleForeign({ type: "mail", mailbox, mail: number });
        }
      });
    }
    if (people.length > 0) {
      this.#people.handleNews(people.map(({ folded }) => folded));
      hub.handleForeign({ type: "people", people });
    }
    if (erased !== undefined) {
      hub.handleForeign({ type: "erased", room: erased[0], seq: erased[1] });
    }
    const isNew = charging === undefined || this.#isFirst(charging);
    if (charges.length > 0 && isNew) hub.handleForeign({ type: "charged", charges });
    if (account !== undefined && this.#accounts.isNew(account)) this.#handleAccounts([account]);
    if (rights === true) this.#rights.readSoon();
  }

  /** A process tells its charges in one request after another. */
  #isFirst({ process, request }: ChangeId): boolean {
    const isFirst = request > (this.#charging.get(process) ?? 0);
    if (isFirst) this.#charging.set(process, request);
    return isFirst;
  }

  #mayMissAnything(): void {
    this.#rooms.mayMissMembers();
    this.#mail.mayMissAny();
  }

  /** A server may have ended before this one had anything to do with its users. */
  async #lookForServers(hub: SharedHub): Promise<void> {
    for (const server of await this.#store.directory.over(hub.watchedServers())) {
      this.#hub?.handleForeign({ type: "server-over", server });
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
