// The hub's state, and what every operation needs: sending an event to a session, waking the
// adapter. The operations are in the neighbouring files and do not know the Hub.

import type { PeerRegistry } from "../cpp/peer-registry.ts";
import { accounts, connections, history as limits, output, sender, search } from "../limits.ts";
import type { Log } from "../log.ts";
import { ShareCounts } from "../share-counts.ts";
import { AbsentMail } from "./private/absent-mail.ts";
import { CallBook } from "./offers/call-book.ts";
import { AwayNotes } from "./people/away-notes.ts";
import { CodeBook } from "./offers/code-book.ts";
import { OfferBook } from "./offers/offer-book.ts";
import type { AccountChange } from "./accounts/account-store.ts";
import { DeviceCodes } from "./accounts/device-codes.ts";
import type { PersonalEvent, PresenceEvent, PrivateMessage } from "./events.ts";
import type { CredentialsPort } from "./login/credentials-port.ts";
import type { HubSignal, PersonSignal } from "./elsewhere/hub-signal.ts";
import { flattenEvent } from "./fan-out/flatten.ts";
import { Backlog } from "./fan-out/outbox.ts";
import type { FilesPort } from "./files-port.ts";
import type { RelayPort } from "./relay-port.ts";
import { GuessRates } from "./rates/guess-rates.ts";
import { LongReads } from "./rates/long-reads.ts";
import { type SharedCharge, SharedCharges } from "./rates/shared-charges.ts";
import { type DoorOptions, isOpen } from "./login/door-options.ts";
import type { CommitPipeline } from "./turn/commit-pipeline.ts";
import type { Metrics } from "./metrics/metrics.ts";
import { FormerPeople } from "./people/former-people.ts";
import { Personas } from "./people/personas.ts";
import { Watches } from "./people/watches.ts";
import { PendingClaims } from "./elsewhere/pending-claims.ts";
import { RightsRequests } from "./rights/rights-requests.ts";
import { NameRegistry } from "./names/registry.ts";
import { ShareBuckets } from "./rates/share-buckets.ts";
import { LostMembers } from "./rooms/lost-members.ts";
import type { Room } from "./rooms/room.ts";
import { Schedule } from "./schedule.ts";
import { PastLimits, type PastSizes } from "./history/past-limits.ts";
import { pageChars } from "./history/history-page.ts";
import type { Rights } from "./rights/rights.ts";
import type { Rates } from "./rates/rate-budget.ts";
import type { PageAddress } from "../protocol/messages.ts";
import type { ServerControl } from "./server-control.ts";
import type { SaidRun } from "./rooms/said-run.ts";
import type { Session } from "./session.ts";
import type { SharingPort } from "./sharing/sharing-port.ts";
import type { Overview, PresenceChange } from "./turn/store.ts";
import type { StoreClient } from "./turn/store-client.ts";
import type { TimedPersonal, Timing } from "./turn/turn-batch.ts";

export type HubOptions = {
  /** Identifies the log of the store behind the hub. */
  epoch: string;
  /** Converts the hub's monotonic time to Unix time for timestamps. */
  stampMs: (nowMs: number) => number;
  metrics: Metrics;
  /** Rates that each sender may sustain; undefined for no limit. */
  rates: Rates | undefined;
  files: FilesPort;
  /** Undefined: uploads to the shared folder are disabled. */
  sharing: SharingPort | undefined;
  /** Undefined: there is no relay. */
  relay: RelayPort | undefined;
  /** Where browsers find the page; undefined: there is none. */
  page: () => PageAddress | undefined;
  control: ServerControl;
  /** Undefined: peers are not registered here. */
  registry: PeerRegistry | undefined;
  door: DoorOptions;
  /** The message of the day, unless operators have set another; may be empty. */
  motd: () => string;
  /** Operators' decisions, as stored. */
  rights: Rights;
  /** Folded words with a meaning in some dialect, which can't be names. */
  reservedNames: ReadonlySet<string>;
  /** Requests an `endTurn`; called once per turn. */
  wake: () => void;
  /** Prints a line of an original system's server; control characters have already been removed. */
  print: (line: string) => void;
  /** The operator's log: connections, logins, departures and failures. */
  log: Log;
  /**
   * How much of the rooms' history the store keeps; undefined: networks are not limited to a share
   * of it.
   */
  past: PastSizes | undefined;
  /** The store is shared with other servers; undefined: this is the only server. */
  shared: SharedStore | undefined;
  /** Derives a session's record ID from its secret; one-way. */
  hashSecret: (secret: string) => string;
  credentials: CredentialsPort;
  /** A fresh secret: text with at least 128 random bits. */
  newSecret: () => string;
};

/** What the hub reports to the code that follows other servers. */
export interface SharedStore {
  /** From now on the hub wants events of this room. Earlier reads may be outdated. */
  roomOpened(room: string): void;
}

/**
 * A room with `joins` pending joins. `last`: its highest number that the store has told any of
 * them.
 */
export type HeldRoom = { joins: number; last: number };

/** A message that was added to a room, and the run that it belongs to. */
export type LastSaid = {
  readonly session: Session;
  readonly run: SaidRun;
  readonly nowMs: number;
  /** What may still be gathered (`HubState.spareChars`). */
  spareChars: number;
};

export class HubState {
  /** Operators' decisions. */
  readonly rights: Rights;
  /** The operator's log. */
  readonly log: Log;
  /** No other server shares the store. */
  readonly isAlone: boolean;
  /** The last one of what is being handled. */
  lastSaid: LastSaid | undefined;
  /**
   * Set if a single message to a room was all that the hub handled last: the next one may continue
   * it (saying-on.ts).
   */
  continuable: LastSaid | undefined;
  #nowMs = 0;
  readonly names = new NameRegistry();
  readonly schedule = new Schedule();
  readonly backlog = new Backlog();
  readonly sessions = new Set<Session>();
  /** Open rooms by folded name. */
  readonly rooms = new Map<string, Room>();
  /** In how many of them each person is who is connected to another server, by folded name. */
  readonly roomsElsewhere = new Map<string, number>();
  /** Rooms with pending joins, counted. They stay open so that their numbers stay known. */
  readonly heldRooms = new Map<string, HeldRoom>();
  /** Number of rooms opened by each owner, so that one can't take them all. */
  readonly openedRooms = new ShareCounts(limits.maxRoomsPerNetwork, limits.maxRooms / 3);
  /** New rooms without history: if there are too many, the store drops the smallest. */
  readonly newRooms = new ShareBuckets(
    { perSecond: limits.newRoomsPerHour / 3_600, burst: limits.newRooms },
    connections.loginAddresses,
  );
  /** Bytes replayed at logins, which anybody can repeat. */
  readonly replayRates = new ShareBuckets(
    {
      perSecond: sender.sendersPerOwner * sender.bytesPerSecond,
      burst: limits.replayBurstBytes,
    },
    sender.shareOwners,
  );
  readonly longReads = new LongReads();
  readonly lostMembers = new LostMembers();
  readonly absentMail = new AbsentMail();
  readonly awayNotes = new AwayNotes();
  readonly claims = new PendingClaims();
  readonly rightsRequests = new RightsRequests();
  readonly past: PastLimits;
  /** Limits logins, because each is announced to everybody. */
  readonly loginRates = new ShareBuckets(
    { perSecond: connections.loginsPerSecond, burst: connections.loginBurst },
    connections.loginAddresses,
  );
  readonly guessRates = new GuessRates((charge) => this.tellCharge(charge));
  /** Limits names registered per network, since registrations are permanent. */
  readonly registrationRates = new ShareBuckets(
    {
      perSecond: accounts.registrationsPerHour / 3_600,
      burst: accounts.registrationsAtOnce,
    },
    connections.loginAddresses,
  );
  readonly watches = new Watches();
  /** Sessions with a private chat or an invitation whose other side is on another server. */
  readonly chatsElsewhere = new Set<Session>();
  readonly formerPeople = new FormerPeople();
  readonly personas: Personas;
  /** Operators and hidden people, as last counted (census.ts). */
  counted = { atMs: -Infinity, operators: 0, hidden: 0 };
  /** All rooms and people of several servers (overview.ts); undefined until requested. */
  overview: (Overview & { readonly atMs: number }) | undefined;
  /** The highest number of people here at the same time. */
  mostPeople = 0;
  readonly deviceCodes = new DeviceCodes();
  /**
   * For each login or proof that waits for what is known of accounts: those that have changed
   * meanwhile, and the names that were registered.
   */
  readonly accountReads = new Map<Session, Set<string>>();
  /** Accounts that other servers have changed, and which could not be read then. */
  readonly unreadAccounts = new Map<string, { account: string; change: AccountChange["type"] }>();
  /** Signals for people of whom the store could not say where they are. */
  readonly unsentSignals: PersonSignal[] = [];
  /** Files that people offer to each other. */
  readonly offers = new OfferBook();
  /** Files offered by code. */
  readonly codes = new CodeBook();
  /** Peers that can be called through this server, and their calls. */
  readonly calls = new CallBook();
  /** Tokens that grant access to the shared folder over HTTP. */
  readonly #accessTokens = new Set<string>();
  readonly #charges = new SharedCharges();
  #isWoken = false;
  #stampedMs = NaN;
  #stampMs = 0;

  constructor(
    readonly options: HubOptions,
    readonly store: StoreClient,
    readonly pipeline: CommitPipeline,
  ) {
    const { rights, log, shared, newSecret, hashSecret } = options;
    this.rights = rights;
    this.log = log;
    this.isAlone = shared === undefined;
    this.personas = new Personas(() => rights.hostSecret(newSecret), hashSecret);
    // People on other servers may be shown them.
    if (!this.isAlone) this.personas.want();
    this.past = new PastLimits(options.rates === undefined ? undefined : options.past);
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Call this first whenever the hub is to handle something. */
  begin(nowMs: number): void {
    this.#nowMs = nowMs;
    this.lastSaid = undefined;
    this.continuable = undefined;
  }

  /** Unix time, for values that are stored or shown. */
  get stampMs(): number {
    if (this.#stampedMs !== this.nowMs) {
      this.#stampedMs = this.nowMs;
      this.#stampMs = this.options.stampMs(this.nowMs);
    }
    return this.#stampMs;
  }

  /** Whether too much is already waiting for the store to accept `chars` more. */
  isOverfull(chars: number = output.gatheredEntryChars): boolean {
    return chars > this.spareChars;
  }

  /** How much more may be gathered, in UTF-16 code units. */
  get spareChars(): number {
    return output.maxGatheredChars - this.pipeline.gathering.size;
  }

  /** A token for HTTP requests for the lifetime of the session; undefined if none is needed. */
  grantAccess(session: Session): string | undefined {
    if (isOpen(this.options.door)) return undefined;
    this.revokeAccess(session);
    session.accessToken = this.options.newSecret();
    this.#accessTokens.add(session.accessToken);
    return session.accessToken;
  }

  revokeAccess(session: Session): void {
    this.#accessTokens.delete(session.accessToken);
    session.accessToken = "";
  }

  /** Whether a request with this token, if any, may access the shared folder. */
  hasAccess(token: string | undefined): boolean {
    return isOpen(this.options.door) || (token !== undefined && this.#accessTokens.has(token));
  }

  get accessTokens(): number {
    return this.#accessTokens.size;
  }

  /** Requests an end of turn. */
  wake(): void {
    if (this.#isWoken) return;
    this.#isWoken = true;
    this.options.wake();
  }

  /** What the session waited for is there: its next commands may run. */
  unblock(session: Session): void {
    session.queue.unblock();
    if (!session.queue.isBlocked && this.longReads.ended(session)) this.#readNext();
    this.schedule.unblocked.add(session);
    this.wake();
  }

  /** Somebody has an answer for which others of the same owner may have waited. */
  #readNext(): void {
    const { readsWaiting, unblocked } = this.schedule;
    for (const session of readsWaiting) {
      if (this.longReads.mustWait(session)) continue;
      readsWaiting.delete(session);
      unblocked.add(session);
    }
  }

  /** Called at the end of the turn. */
  clearWake(): void {
    this.#isWoken = false;
  }

  /**
   * Queues an event for one session, in the order of all events. A `bye` comes last, to members
   * after everything unsettled.
   */
  send(
    session: Session,
    event: PersonalEvent,
    wanted: Timing = event.type === "bye" && session.hadName ? "settled" : "now",
  ): void {
    const isRefusal = event.type === "error" && wanted === "now";
    const timing = isRefusal ? this.#refusalTiming(session) : wanted;
    const order = event.type === "bye" ? Infinity : this.pipeline.nextOrder();
    const asked = answerCost(event);
    if (asked > 0) session.queue.charge(asked, this.options.rates, this.nowMs);
    const { gathering } = this.pipeline;
    if (session.awaitsWelcome && !session.isOver) {
      // Before its welcome, a conversation does not know its own name and can't render.
      // A ping is to be answered soon, whenever the welcome comes.
      const later = timing === "now" && event.type !== "ping" ? "welcomed" : timing;
      gathering.addPersonal(session, { order, event, timing: later });
      session.output.answerChars += Math.max(asked + frameChars(event), output.gatheredEntryChars);
      return this.wake();
    }
    // The last answer to a line that names several targets is rendered as such.
    if (!session.isOver && (event.type === "sent" || gathering.isUnrendered(session))) {
      gathering.addPersonal(session, { order, event, timing });
      session.output.answerChars += asked;
      return this.wake();
    }
    for (const text of textsOf(session, event)) this.sendText(session, text, timing, order);
  }

  /** Queues a text that the session's dialect has already rendered. */
  sendText(
    session: Session,
    text: string,
    timing: Timing,
    order = this.pipeline.nextOrder(),
  ): void {
    if (session.isOver) return;
    const when = session.awaitsWelcome && timing === "now" ? "welcomed" : timing;
    this.pipeline.gathering.addPersonal(session, { order, text, timing: when });
    session.output.answerChars += text.length;
    this.wake();
  }

  /**
   * Some dialects expect the answers to one line in order, such as those between the begin and the
   * end of an IRC batch: no refusal overtakes what waits for the store. Two things are never held
   * back: lists of members and modes, since later changes by others would overtake them, and
   * refusals while too much is waiting, since a client that keeps asking would add to it.
   */
  #refusalTiming(session: Session): Timing {
    const isOrdered = session.dialect.showsPersonas === true;
    const isHeld = isOrdered && this.pipeline.isAwaitedBy(session) && !this.isOverfull();
    return isHeld ? "settled" : "now";
  }

  /** Announces a join, leave or rename to the room. */
  announce(room: Room, event: PresenceEvent): void {
    const timed = { ...event, timeMs: this.stampMs };
    this.pipeline.gathering.addPresence(room, this.pipeline.nextOrder(), timed);
    this.wake();
  }

  /** Reports a presence change of a room to the other servers, if there can be any. */
  share(room: Room, change: PresenceChange): void {
    if (this.isAlone) return;
    const event = change.event && { ...change.event, timeMs: this.stampMs };
    const at = this.pipeline.nextOrder();
    this.pipeline.gathering.sharePresence(room, { ...change, event, at });
    this.wake();
  }

  /** Reports who has this folded name here to interested servers, if there can be any. */
  list(folded: string): void {
    if (this.isAlone) return;
    this.pipeline.gathering.people.add(folded);
    this.wake();
  }

  /** What logins are being told of the account may not be true any more. */
  noteAccountChanged(account: string): void {
    for (const changed of this.accountReads.values()) changed.add(account);
  }

  /** Sends a signal to somebody on another server. */
  signal(server: string, signal: HubSignal): void {
    this.pipeline.gathering.signals.push({ server, signal });
    this.wake();
  }

  /** Has the other servers count it as well, if there can be any. */
  tellCharge(charge: SharedCharge): void {
    if (this.isAlone) return;
    this.#charges.add(charge);
    this.#sendCharges();
  }

  #sendCharges(): void {
    const charges = this.#charges.take();
    if (charges.length === 0) return;
    this.store.ask({ type: "tell-charges", charges }, () => {
      this.#charges.sent();
      this.#sendCharges();
    });
    this.wake();
  }

  /** Queues the session's record to be written. */
  queueRecord(session: Session): void {
    if (session.identity.recordId === "") return;
    session.liveness.recorded(this.nowMs);
    this.pipeline.gathering.records.add(session);
    this.wake();
  }
}

/** Renders an event that was gathered for a session. */
export function renderPersonal(session: Session, personal: TimedPersonal): readonly string[] {
  if ("text" in personal) return [personal.text];
  const { event } = personal;
  if (event.type !== "own") return textsOf(session, event);
  return textsOf(session, { type: "echo", message: event.run.at(event.index), ref: event.ref });
}

/** Renders an event in the session's dialect: one text, several, or none. */
export function textsOf(session: Session, event: PersonalEvent): readonly string[] {
  if (event.type === "private" && event.isOwn === true && !hearsCopy(session, event)) return [];
  const shown = session.dialect.severalLines === true ? event : flattenEvent(event);
  const rendered = session.conversation.render(shown);
  if (rendered === undefined) return [];
  return typeof rendered === "string" ? [rendered] : rendered;
}

function hearsCopy({ dialect, hearsCopies }: Session, { sealed }: PrivateMessage): boolean {
  return sealed === undefined ? hearsCopies : dialect.hearsCopies === true;
}

function frameChars(event: PersonalEvent): number {
  return event.type === "passed" ? event.data.length : 0;
}

/** Characters charged to the requester for answers that may be much longer than the request. */
function answerCost(event: PersonalEvent): number {
  switch (event.type) {
    case "history":
      return pageChars(event.messages);
    case "found":
      return pageChars(event.messages) + event.scannedChars / search.charsPerCharged;
    case "names":
      return nameChars * event.names.length;
    case "entry":
    case "roster":
      return 2 * nameChars * ("members" in event ? event.members.length : 0);
    case "people":
      return 8 * nameChars * event.people.length;
    case "former-people":
      return 4 * nameChars * event.people.length;
    case "watched":
      // Others come online and go offline without being asked.
      return event.ref === undefined ? 0 : 2 * nameChars * (event.here.length + event.gone.length);
    case "watch-list":
      return nameChars * event.names.length;
    case "room-state":
      return 4 * nameChars * event.state.bans.length;
    case "admin":
      return event.rows.reduce((sum, { text = "" }) => sum + nameChars + text.length, 0);
    case "past":
      return pageChars(event.messages);
    case "past-private":
      return pageChars(event.messages) + event.scannedChars / search.charsPerCharged;
    case "past-targets":
      return nameChars * event.targets.length + event.scannedChars / search.charsPerCharged;
    case "rooms":
      return 2 * nameChars * event.rooms.length;
    case "files":
      return 4 * nameChars * event.files.length;
    case "devices":
      return 8 * nameChars * event.devices.length;
    case "keys":
      return 3 * nameChars * event.keys.length;
    default:
      return 0;
  }
}

/** Approximate characters per name in a list. */
const nameChars = 20;
