// One login that waits for the store, whose answers decide it: a returning session recovers its
// counter, name and rooms from its record or from its previous connection. The session's commands
// wait until then.

import type { ParleyError } from "../../errors.ts";
import { networkOf } from "../../addresses.ts";
import { history as historyLimits, people } from "../../limits.ts";
import { beginning, harmless } from "../../text.ts";
import type { Account, AccountLookup } from "../accounts/account-store.ts";
import { accountMailbox } from "../accounts/account-store.ts";
import { authenticate } from "./authentication.ts";
import { endSession, replaceSession, endReplaced } from "../disconnect.ts";
import type { LoginCommand, RoomAsked } from "../events.ts";
import { type HubState, renderPersonal, textsOf } from "../hub-state.ts";
import {
  holdRoom,
  enterRoom,
  noteBounds,
  openRoom,
  settleEntry,
  type Since,
  releaseRoom,
} from "../rooms/membership.ts";
import { tellCensus } from "../people/census.ts";
import { noteCome } from "../people/comings.ts";
import { absentHolder } from "../names/absent-holder.ts";
import { type ClaimOutcome, claimName, keepName } from "../elsewhere/name-claims.ts";
import { takenByAbsent, takenByMember } from "../names/absent.ts";
import { fold } from "../names/grammar.ts";
import { takenNow } from "../names/taken.ts";
import { entryProblem, mayEnter } from "../rooms/room-rights.ts";
import type { LoginRefusal, Refusal } from "../refusal.ts";
import { reject } from "../rejections.ts";
import { tellMotd, tellNews } from "../rooms/room-access.ts";
import { refuseBanned, refuseLogin } from "./refuse-login.ts";
import type { Room } from "../rooms/room.ts";
import { returnToOffers } from "../offers/offer-commands.ts";
import { type Membership, nothingProven, type Session } from "../session.ts";
import { sessionFields } from "../session-log.ts";
import { MailboxPosition } from "../private/mailbox-position.ts";
import { banOf, suspectOf } from "../suspect.ts";
import { whenCaughtUp } from "../elsewhere/room-catch-up.ts";
import type { TimedPersonal } from "../turn/turn-batch.ts";
import { readRefused } from "../turn/refused-numbers.ts";
import { StoreQueries } from "../turn/store-queries.ts";
import type { RoomBounds, SessionRecord, SessionTaken } from "../turn/store.ts";

/** The rooms to join, by folded name. */
export type RoomsAsked = ReadonlyMap<string, RoomAsked>;

type LoginPlan = {
  name: string;
  alias: string | undefined;
  secret: string;
  recordId: string;
  /** The user's previous connection, if still open. */
  previous: Session | undefined;
  rooms: RoomsAsked;
};

export class PendingLogin {
  readonly #hub: HubState;
  readonly #session: Session;
  readonly #command: LoginCommand;
  readonly #plan: LoginPlan;
  readonly #bounds = new Map<string, RoomBounds>();
  #record: SessionRecord | undefined;
  #holder: SessionRecord | undefined;
  #aliasHolder: SessionRecord | undefined;
  /** The accounts that own the name and the alias, and those that the key and token belong to. */
  #owner: Account | undefined;
  #aliasOwner: Account | undefined;
  #ofKey: Account | undefined;
  #ofToken: Account | undefined;
  /** Number of the last message in its mailbox. */
  #mailLast = 0;
  /** A token for the client that is not stored yet. */
  #newToken: string | undefined;
  /** Whether the missed private messages are stored without a gap. */
  #mailIsKept = true;

  constructor(hub: HubState, session: Session, command: LoginCommand, plan: LoginPlan) {
    this.#hub = hub;
    this.#session = session;
    this.#command = command;
    this.#plan = plan;
  }

  /** Asks the store for everything needed to decide this login. */
  queryStore(): void {
    const { nowMs } = this.#hub;
    const { name, alias, recordId, previous, rooms } = this.#plan;
    const queries = new StoreQueries(this.#hub, this.#session);
    this.#session.mailbox = new MailboxPosition();
    const sinceMs = nowMs - historyLimits.mailHoldMs;
    for (const room of rooms.keys()) {
      holdRoom(this.#hub, room);
      queries.ask({ type: "room-bounds", room }, (bounds) => {
        this.#bounds.set(room, bounds);
        noteBounds(this.#hub, room, bounds);
      });
    }
    queries.ask(
      { type: "find-name", name: fold(name), sinceMs },
      (record) => (this.#holder = record),
    );
    if (alias !== undefined) {
      queries.ask(
        { type: "find-name", name: fold(alias), sinceMs },
        (record) => (this.#aliasHolder = record),
      );
    }
    if (recordId !== "") {
      queries.ask({ type: "load-session", session: recordId }, (record) => (this.#record = record));
    }
    this.#queryAccounts(queries);
    const changed = new Set<string>();
    this.#hub.accountReads.set(this.#session, changed);
    queries.whenAnswered((error) => {
      const { pipeline, accountReads } = this.#hub;
      const { entersAs, awaitedNames } = this.#session;
      accountReads.delete(this.#session);
      if (error !== undefined) return this.#fail(error);
      if ([...entersAs, ...awaitedNames].some((one) => changed.has(one))) {
        this.#releaseRooms();
        return this.queryStore();
      }
      // The previous connection sent a message meanwhile; read its record again.
      if (previous === undefined || !pipeline.hasPendingCount(previous)) return this.#decide();
      this.#releaseRooms();
      pipeline.whenSettled(() => this.queryStore());
    }, true);
  }

  #queryAccounts(queries: StoreQueries): void {
    const { name, alias } = this.#plan;
    const { token } = this.#command;
    const session = this.#session;
    const { key } = session.proven;
    const ask = (lookup: AccountLookup, keep: (account: Account | undefined) => void): void =>
      queries.ask({ type: "find-account", lookup }, (account) => {
        keep(account);
        // If the account changes from now on, the login must not succeed as if it had not.
        if (account !== undefined) session.entersAs = [...session.entersAs, account.id];
      });
    session.entersAs = [];
    ask({ name: fold(name) }, (account) => (this.#owner = account));
    if (alias !== undefined) ask({ name: fold(alias) }, (account) => (this.#aliasOwner = account));
    if (key !== undefined) ask({ key }, (account) => (this.#ofKey = account));
    if (token !== undefined) {
      const hash = this.#hub.options.hashSecret(token);
      ask({ token: hash }, (account) => (this.#ofToken = account));
    }
  }

  /** The store has answered. */
  #decide(): void {
    const owner = this.#owner;
    const { bearer } = this.#command;
    if (bearer !== undefined && owner?.id !== bearer.account) {
      this.#release();
      const message = "The name of this access token is no longer registered";
      return this.#refuse({ code: "wrong-token", message });
    }
    if (owner === undefined) return this.#queryMail();
    const found = { owner, ofKey: this.#ofKey, ofToken: this.#ofToken };
    authenticate(this.#hub, this.#session, this.#command, found, (refusal) =>
      this.#handleAuthenticated(owner, refusal),
    );
  }

  #handleAuthenticated(owner: Account, refusal: LoginRefusal | undefined): void {
    const session = this.#session;
    if (session.phase !== "entering") return this.#fail(undefined);
    if (refusal !== undefined) {
      this.#release();
      return this.#refuse(refusal);
    }
    this.#plan.name = owner.name;
    this.#hub.names.beginAccount(session, owner.id);
    // What has arrived so far was in the session's own mailbox.
    session.mailbox = new MailboxPosition();
    // Unsettled mail is settled first, because the welcome reports its number.
    if (this.#hub.pipeline.hasPending(accountMailbox(owner.id), undefined)) {
      this.#hub.pipeline.whenSettled(() => this.#queryMail());
    } else this.#queryMail();
  }

  /** Asks the store about the mailbox: the account's, or the session's own. */
  #queryMail(): void {
    const { mailbox, account } = this.#session.identity;
    const queries = new StoreQueries(this.#hub, this.#session);
    this.#mailLast = this.#record?.mail ?? 0;
    if (account !== "") {
      queries.ask(
        { type: "load-session", session: mailbox },
        (record) => (this.#mailLast = record?.mail ?? 0),
      );
    }
    const owner = this.#owner;
    if (account !== "" && owner !== undefined && this.#command.remember === true) {
      this.#queryToken(queries, owner);
    }
    const mail = this.#mailSeen;
    if (mailbox !== "" && mail !== undefined) {
      queries.ask(
        { type: "count-mail", session: mailbox, after: mail },
        ({ count, last }) => (this.#mailIsKept = count === last - mail && last >= this.#mailLast),
      );
    }
    queries.whenAnswered((error) => {
      if (error !== undefined) return this.#fail(error);
      this.#release();
      this.#conclude();
    }, true);
  }

  /** Issues a token that proves the name from the next login on, instead of the password. */
  #queryToken(queries: StoreQueries, { id: account, password }: Account): void {
    const { options, stampMs: atMs } = this.#hub;
    const token = options.newSecret();
    const about = { account, password, atMs };
    const change = { type: "add-token", token: options.hashSecret(token), ...about } as const;
    queries.ask(
      { type: "change-account", change },
      ({ done }) => (this.#newToken = done ? token : undefined),
    );
  }

  /** The last private message that the client has, if it said so. */
  get #mailSeen(): number | undefined {
    const { since } = this.#command;
    return since?.epoch === this.#hub.options.epoch ? since.mail : undefined;
  }

  #fail(error: ParleyError | undefined): void {
    this.#release();
    this.#end(error);
  }

  /** Releases what was reserved while the login waited. */
  #release(): void {
    const { name, previous } = this.#plan;
    this.#hub.names.unreserve(fold(name));
    this.#hub.unblock(this.#session);
    if (previous !== undefined) this.#hub.unblock(previous);
  }

  #releaseRooms(): void {
    for (const room of this.#plan.rooms.keys()) releaseRoom(this.#hub, room);
  }

  #conclude(): void {
    const { previous } = this.#plan;
    if (this.#hub.options.shared === undefined || previous?.phase !== "member") {
      return this.#claim();
    }
    // Once the record is claimed, a batch with messages of the previous connection is refused.
    previous.queue.block();
    this.#hub.pipeline.whenSettled(() => {
      this.#claim(() => this.#hub.unblock(previous));
    });
  }

  /** `decided` is called once the session has entered, or will not. */
  #claim(decided: () => void = () => {}): void {
    if (!this.#mayEnter()) return decided();
    const { name, recordId } = this.#plan;
    const wanted = { folded: fold(name), record: recordId === "" ? undefined : recordId };
    claimName(this.#hub, this.#session, wanted, (claim) => {
      // The connection may have closed, or an operator may have decided otherwise meanwhile.
      if (this.#session.phase !== "entering" || claim.problem !== undefined) {
        claim.giveUp();
        this.#end(claim.problem);
      } else if (!claim.isFree) this.#refuse(takenByMember(name));
      else return this.#catchUp(claim, decided);
      decided();
    });
  }

  #catchUp({ last, taken, giveUp }: ClaimOutcome, decided: () => void): void {
    if (this.#hub.options.shared !== undefined) this.#holder = last;
    whenCaughtUp(this.#hub, this.#session, this.#bounds, (behind) => {
      if (!this.#tryToEnter(taken, behind)) giveUp();
      decided();
    });
  }

  /** Enters, unless it is too late; false if the session is not in. */
  #tryToEnter(taken: SessionTaken | undefined, behind: ParleyError | undefined): boolean {
    if (this.#session.phase !== "entering" || behind !== undefined) {
      this.#end(behind);
      return false;
    }
    // The client has connected to another server since its record was claimed here.
    if (taken !== undefined && taken.claim < this.#session.claimedElsewhere) {
      this.#end(undefined);
      endReplaced(this.#hub, this.#session);
      return false;
    }
    if (!this.#mayEnter()) return false;
    const rooms = this.#openRooms();
    if (typeof rooms === "string") {
      this.#refuse({ code: "full", message: rooms });
      return false;
    }
    this.#admit(rooms, taken);
    this.#releaseRooms();
    return true;
  }

  /** False: the login was refused, or its connection closed while it waited. */
  #mayEnter(): boolean {
    if (this.#session.phase !== "entering") {
      this.#end(undefined);
      return false;
    }
    const { name, alias } = this.#plan;
    const owned = [this.#ofKey?.id, this.#ofToken?.id].filter((id) => id !== undefined);
    const suspect = suspectOf(this.#session, { names: [name, alias], accounts: owned });
    const ban = banOf(this.#hub, suspect);
    if (ban !== undefined) {
      this.#end(undefined);
      this.#session.enter("new");
      refuseBanned(this.#hub, this.#session, name, ban);
      return false;
    }
    const taken = this.#taken();
    if (taken !== undefined) this.#refuse(taken);
    return taken === undefined;
  }

  /** Whether the name or alias belongs to somebody else. */
  #taken(): Refusal | undefined {
    const { names, nowMs } = this.#hub;
    const { name, recordId, previous } = this.#plan;
    const claimant = { recordId, network: networkOf(this.#session.peer.address) };
    const isOwner = this.#owner !== undefined;
    const byMember = isOwner ? undefined : takenNow(this.#hub, this.#session, name, previous);
    if (byMember !== undefined) return byMember;
    const holder = isOwner ? undefined : absentHolder(this.#hub, fold(name), this.#holder);
    const byAbsent = takenByAbsent(name, holder, claimant, nowMs);
    if (byAbsent !== undefined) return byAbsent;
    const { alias } = this.#plan;
    const key = previous?.identity.key ?? this.#session.identity.key;
    // In dialects with aliases, a name must not equal somebody else's alias.
    if (names.isAliasOfOther(fold(name), key)) return takenByMember(name);
    if (alias === undefined || fold(alias) === fold(name)) return undefined;
    if (this.#aliasOwner !== undefined) return takenByMember(alias);
    if (names.isTakenByOther(alias, key)) return takenByMember(alias);
    const aliasHolder = absentHolder(this.#hub, fold(alias), this.#aliasHolder);
    return takenByAbsent(alias, aliasHolder, claimant, nowMs);
  }

  /** The rooms, or a sentence that says why one can't be opened. */
  #openRooms(): Room[] | string {
    const opened: Room[] = [];
    const accounts = [this.#owner?.id, this.#ofKey?.id, this.#ofToken?.id];
    for (const [name, bounds] of this.#bounds) {
      // The welcome lists the rooms that were entered; for a private room, not even the reason is
      // given.
      if (!mayEnter(this.#hub, this.#session, name, accounts)) continue;
      const room = openRoom(this.#hub, this.#session, name, bounds);
      if (typeof room === "string") return room;
      opened.push(room);
    }
    return opened;
  }

  #admit(rooms: readonly Room[], taken: SessionTaken | undefined): void {
    const hub = this.#hub;
    const session = this.#session;
    const { name, alias, recordId, previous } = this.#plan;
    const { since, runs } = this.#command;
    const before = new Set(Array.from(previous?.rooms ?? [], ({ room }) => room));
    // Same name, same room: the takeover is not announced.
    const isSame = previous?.phase === "member" && previous.identity.name === name;
    const silentRooms = new Set<string>();
    for (const room of rooms) if (isSame && before.has(room.name)) silentRooms.add(room.name);
    if (previous !== undefined) replaceSession(hub, previous, silentRooms);
    const ghost = hub.names.holder(fold(name));
    if (ghost !== undefined && this.#owner === undefined) endSession(hub, ghost, "replaced");
    session.enter("member");
    session.awaitedNames = [];
    hub.names.enter(session, name, alias);
    keepName(hub, session);
    const { user = "", realName = "" } = this.#command;
    session.person.user = user;
    session.person.realName = beginning(harmless(realName), people.maxNoteChars);
    session.person.sinceMs = hub.stampMs;
    const { mailbox } = session.identity;
    const mailed = previous?.identity.mailbox === mailbox ? previous.mailbox.last : 0;
    if (mailbox !== "") session.mailbox.restore(Math.max(this.#mailLast, mailed));
    const person = this.#owner ?? this.#ofKey ?? this.#ofToken;
    const { key, account } = session.proven;
    const isDevice = person !== undefined && person.id === this.#ofKey?.id;
    const isAnybody = person === undefined && key === undefined && account === undefined;
    const isBearer = this.#command.bearer !== undefined;
    session.proven = isAnybody
      ? nothingProven
      : { key, account: person?.id ?? account, isDevice, token: this.#tokenHash, isBearer };
    session.person.accountName = person?.name ?? session.person.accountName;
    session.person.persona = undefined;
    session.person.away = previous?.person.away ?? hub.awayNotes.take(recordId, hub.nowMs);
    noteCome(hub, session);
    if (recordId !== "") {
      session.claim = taken?.claim;
      this.#restoreCounter(taken);
      hub.pipeline.gathering.departed.delete(recordId);
      if (since !== undefined) hub.options.metrics.resumes++;
      hub.queueRecord(session);
    }
    session.takesFiles = this.#command.takesFiles === true;
    if (runs === true) session.dialect = session.dialect.withRuns ?? session.dialect;
    this.#enter(rooms, before, silentRooms);
    returnToOffers(hub, session);
    const line = session.dialect.terminal?.named?.(name, session.identity.alias);
    if (line !== undefined) hub.options.print(line);
    const returned = since !== undefined;
    hub.options.log.info("logged in", { ...sessionFields(session), returned });
  }

  /** Continues from the highest known number: the record, the claim or the previous connection. */
  #restoreCounter(taken: SessionTaken | undefined): void {
    const { counter } = this.#session;
    const before = this.#plan.previous?.counter;
    const record = taken !== undefined && taken.n > (this.#record?.n ?? 0) ? taken : this.#record;
    if (before !== undefined && before.taken >= (record?.n ?? 0)) {
      counter.restore(before.taken, before.refusals);
    } else counter.restore(record?.n ?? 0, readRefused(record?.refused));
  }

  /** `before`: the rooms in which it takes the place of the previous connection. */
  #enter(
    rooms: readonly Room[],
    before: ReadonlySet<string>,
    silentRooms: ReadonlySet<string>,
  ): void {
    const hub = this.#hub;
    const session = this.#session;
    const entries: { room: Room; membership: Membership }[] = [];
    const refusals: (() => void)[] = [];
    for (const room of rooms) {
      const { name: subject } = room;
      // Who wants to enter is known only now.
      const key = this.#plan.rooms.get(subject)?.key;
      const closed = before.has(subject) ? undefined : entryProblem(hub, session, subject, key);
      if (closed === undefined) {
        entries.push({ room, membership: enterRoom(hub, session, room, silentRooms.has(subject)) });
      } else {
        const { code, message } = closed;
        refusals.push(() => reject(hub, session, code, message, { subject }));
      }
    }
    this.#welcome(entries);
    for (const refuse of refusals) refuse();
    if (session.dialect.showsPersonas === true) tellCensus(hub, session);
    const isBack = this.#command.since !== undefined;
    tellMotd(hub, session, isBack);
    for (const { room } of entries)
      tellNews(hub, session, room.name, isBack, this.#sinceOf(room.name));
  }

  /** Sends the welcome once the position of the new member in each room's log is settled. */
  #welcome(entries: readonly { room: Room; membership: Membership }[]): void {
    const hub = this.#hub;
    const session = this.#session;
    const { name, secret } = this.#plan;
    const { taken: n, refusals: refused } = session.counter;
    const order = entries[0]?.membership.hearsFrom ?? hub.pipeline.nextOrder();
    session.awaitsWelcome = true;
    hub.pipeline.gathering.beforeDelivery.push(() => {
      // The session may have been dropped meanwhile, with everything queued for it, or have closed.
      if (!session.awaitsWelcome || session.phase === "gone") return;
      session.awaitsWelcome = false;
      const states = entries.map(({ room, membership }) => {
        const since = this.#sinceOf(room.name);
        const bounds = this.#bounds.get(room.name)!;
        return settleEntry(hub, room, membership, membership.hearsFrom, since, bounds);
      });
      const { mail, recovered } = this.#startMail();
      const { epoch } = hub.options;
      const { alias, account } = session.identity;
      const registered = account !== "";
      const token = this.#newToken;
      const counted = { n, refused };
      const entry = { name, alias, secret, epoch, mail, ...counted, recovered, rooms: states };
      const access = hub.grantAccess(session);
      const persona = hub.personas.shown(session);
      const given = { registered, token, access, persona };
      for (const text of textsOf(session, { type: "welcome", ...entry, ...given })) {
        hub.pipeline.settling?.addPersonal(session, { order, text, timing: "settled" });
      }
      // From now on events are rendered at once, so those that had to wait are rendered before:
      // rendering may change what later ones look like, as a new nick does.
      hub.pipeline.settling?.afterDelivery.push(() => {
        const render = (personal: TimedPersonal) => renderPersonal(session, personal);
        hub.pipeline.gathering.welcome(session, render);
        hub.wake();
      });
    });
    hub.wake();
  }

  #sinceOf(room: string): Since | undefined {
    const { since } = this.#command;
    const seq = this.#plan.rooms.get(room)?.seq;
    return since === undefined || seq === undefined ? undefined : { epoch: since.epoch, seq };
  }

  /**
   * Starts replaying missed private messages. Returns the number after which live ones follow, and
   * whether all missed ones will be replayed.
   */
  #startMail(): { mail: number; recovered: boolean } {
    const hub = this.#hub;
    const session = this.#session;
    const { mailbox } = session;
    if (session.dialect.hearsMail === false) return { mail: mailbox.last, recovered: true };
    const { since } = this.#command;
    // Numbers of another log mean nothing here: everything in the mailbox is new to the client.
    const isSameLog = since?.epoch === hub.options.epoch;
    const has = since?.mail === undefined || isSameLog ? since?.mail : 0;
    const from = has ?? this.#deviceMail;
    if (from !== undefined) mailbox.replayAfter(from);
    // Messages that arrived during the login are replayed too.
    const live = mailbox.replayedTo ?? mailbox.last;
    if (mailbox.replayedTo !== undefined && session.phase === "member") {
      hub.schedule.replaying.add(session);
      hub.wake();
    }
    const isAll = isSameLog && has !== undefined && has <= mailbox.last && this.#mailIsKept;
    return { mail: has === undefined ? live : mailbox.last, recovered: isAll };
  }

  get #tokenHash(): string | undefined {
    const { bearer } = this.#command;
    if (bearer !== undefined) return bearer.token;
    const used = this.#ofToken === undefined ? undefined : this.#command.token;
    const token = this.#newToken ?? used;
    return token === undefined ? undefined : this.#hub.options.hashSecret(token);
  }

  /**
   * The last private message delivered to the owner's device, for a client that does not know it.
   */
  get #deviceMail(): number | undefined {
    const { key, isDevice } = this.#session.proven;
    const device = isDevice ? this.#owner?.keys.find((one) => one.key === key) : undefined;
    return device === undefined ? this.#owner?.mail : device.mail;
  }

  #refuse(refusal: LoginRefusal): void {
    this.#end(undefined);
    this.#session.enter("new");
    refuseLogin(this.#hub, this.#session, this.#plan.name, refusal);
  }

  /** It waits no longer. `error`: tells the client so, unless the connection has closed. */
  #end(error: ParleyError | undefined): void {
    if (error !== undefined && this.#session.phase === "entering") {
      this.#hub.options.log.warn(error.message);
      return this.#refuse(error);
    }
    this.#hub.names.abortEntry(this.#session);
    this.#releaseRooms();
  }
}
