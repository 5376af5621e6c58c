// One connection as the hub sees it, composed of parts that change only by their own methods or are
// written by one file: identity (names/registry.ts), counter, rooms, mailbox, output (fan-out/),
// queue, liveness, private chat (private-chat.ts). What a command does is decided elsewhere.

import type { Conversation, Dialect, Peer } from "./dialect.ts";
import type { LoginCommand } from "./events.ts";
import type { SignalSender } from "./elsewhere/hub-signal.ts";
import type { Link } from "./link.ts";
import type { Backlog } from "./fan-out/outbox.ts";
import { SessionOutput } from "./fan-out/session-output.ts";
import { Liveness } from "./liveness.ts";
import { MailboxPosition } from "./private/mailbox-position.ts";
import { Person } from "./people/person.ts";
import { MessageCounter } from "./turn/message-counter.ts";
import type { PartnerNames } from "./names/partner-names.ts";
import type { RateBudget } from "./rates/rate-budget.ts";
import { ownerAt, ownerOfAccount, type ShareOwner } from "../share-owner.ts";
import { CommandQueue } from "./rates/command-queue.ts";

/**
 * `new`: no name yet. `entering`: the login waits for the store. `visitor`: may look but not talk.
 * `member`: has a name. `ending`: output drains. `gone`: closed.
 */
export type SessionPhase = "new" | "entering" | "visitor" | "member" | "ending" | "gone";

/** Who a session is. Written only by names/registry.ts. */
export type Identity = {
  /** Survives renames and reconnects: the record's ID, or `#` and the connection's number. */
  key: string;
  /** As shown, and folded. Empty before login. */
  name: string;
  folded: string;
  alias: string | undefined;
  /** ID of the session's record in the store; empty in dialects that can't resume. */
  recordId: string;
  /** The account that owns the name, if this is its owner; empty for an unregistered name. */
  account: string;
  /** ID of its mailbox: the account's, otherwise the record's; empty if there is none. */
  mailbox: string;
};

/** Identifies the person: the same for all devices of an account. */
export function personKey({ mailbox, key }: Identity): string {
  return mailbox === "" ? key : mailbox;
}

/** What a session has proved in addition to its name, which may differ. */
export type Proven = {
  /** Ed25519 public key, in base64url. */
  readonly key: string | undefined;
  /** The account that the key, password or token belongs to. */
  readonly account: string | undefined;
  /** Whether the key belongs to one of the account's devices. */
  readonly isDevice: boolean;
  /** The stored password of the account that it has shown, or that it has a token for. */
  readonly password?: string | undefined;
  /** The hash of its token, if it has one. */
  readonly token?: string | undefined;
  /** The token is an access token: the session ends with it. */
  readonly isBearer?: boolean;
};

/** Whether the session belongs to the account, or may be about to. */
export function mayBeOf(
  { proven, phase, entersAs, registersAs }: Session,
  account: string,
): boolean {
  if (proven.account === account || registersAs === account) return true;
  return phase === "entering" && entersAs.includes(account);
}

/** Shared by all sessions that have proved nothing, which are most. */
const nothingProven: Proven = { key: undefined, account: undefined, isDevice: false };

/** A session's membership in a room. */
export class Membership {
  #hearsFrom: number;
  #hearsUntil = Infinity;
  #replayedTo: number | undefined;
  #isCharged = false;
  /**
   * The dialect in which it receives the room's events; undefined: not yet, or no longer. Written
   * by room.ts.
   */
  heardAs: Dialect | undefined;
  /** The room is told of the arrival. It is not if another device of the person is there. */
  isAnnounced = false;

  constructor(
    readonly session: Session,
    /** Folded name of the room. */
    readonly room: string,
    /** Position of the join in the order of events. */
    order: number,
  ) {
    this.#hearsFrom = order;
  }

  /** The member receives events after `hearsFrom`, up to and including `hearsUntil`. */
  get hearsFrom(): number {
    return this.#hearsFrom;
  }

  get hearsUntil(): number {
    return this.#hearsUntil;
  }

  /** Last `seq` replayed; undefined once the member receives the room live. */
  get replayedTo(): number | undefined {
    return this.#replayedTo;
  }

  /**
   * Whether the replay counts against the sender's rate: it was requested, not caused by a
   * reconnect.
   */
  get isCharged(): boolean {
    return this.#isCharged;
  }

  charge(): void {
    this.#isCharged = true;
  }

  /** The batch of its join has been delivered: it receives everything from now on. */
  joinDelivered(): void {
    this.#hearsFrom = -Infinity;
  }

  /** It left at `order`. */
  left(order: number): void {
    this.#hearsUntil = order;
  }

  /** Everything up to `seq` has been replayed, in a room whose last message is `last`. */
  replayed(seq: number, last: number): void {
    this.#replayedTo = seq < last ? seq : undefined;
  }
}

const nowhere: readonly Membership[] = [];

/**
 * A session's rooms by folded name. A list, because most sessions have one room and a Map takes 250
 * bytes more.
 */
class Memberships {
  #list: readonly Membership[] = nowhere;

  get size(): number {
    return this.#list.length;
  }

  get(room: string): Membership | undefined {
    // A plain loop: this runs for every message.
    for (const membership of this.#list) if (membership.room === room) return membership;
    return undefined;
  }

  has(room: string): boolean {
    return this.get(room) !== undefined;
  }

  /** Replaces a membership of the same room. */
  add(membership: Membership): void {
    this.delete(membership.room);
    // A new array has no spare capacity; most lists never grow.
    this.#list = [...this.#list, membership];
  }

  delete(room: string): void {
    if (!this.has(room)) return;
    this.#list = this.#list.filter((membership) => membership.room !== room);
  }

  [Symbol.iterator](): Iterator<Membership> {
    return this.#list[Symbol.iterator]();
  }
}

/**
 * Private chat by consent: identity keys, prefixed with the server's ID for people on other
 * servers.
 */
export type PrivateChat = {
  partner: string | undefined;
  invitedBy: string | undefined;
  invited: string | undefined;
  /** Former names of partners. */
  names: PartnerNames | undefined;
  /** Those of the three who are on other servers. */
  elsewhere: ReadonlyMap<string, ChatPeer> | undefined;
};

/** Somebody on another server; `person` is in the form used to write to them from here. */
export type ChatPeer = SignalSender & {
  readonly server: string;
  /** The exchange between the two (hub-signal.ts). */
  readonly exchange: readonly string[];
};

const noPrivateChat: Readonly<PrivateChat> = {
  partner: undefined,
  invitedBy: undefined,
  invited: undefined,
  names: undefined,
  elsewhere: undefined,
};

const phasesAfter: Record<SessionPhase, readonly SessionPhase[]> = {
  new: ["entering", "visitor", "ending", "gone"],
  entering: ["new", "visitor", "member", "ending", "gone"],
  visitor: ["ending", "gone"],
  member: ["visitor", "ending", "gone"],
  ending: ["gone"],
  gone: [],
};

/** The rates shared by all sessions of an owner. */
export type SessionBudgets = {
  /** The session uses that owner's until `leave`. */
  enter(owner: ShareOwner): readonly RateBudget[];
  leave(owner: ShareOwner): void;
};

export class Session {
  #phase: SessionPhase = "new";
  /** Characters of the frames it has passed on (rates/throttle.ts). */
  passedChars = 0;
  #isAdmitted = false;
  /** The login that waits for the answer to a question. */
  asked: LoginCommand | undefined;
  /** Wrong passwords and passes. */
  failedAttempts = 0;
  /**
   * The connection has closed while commands were waiting, which are still carried out. Written
   * only by hub.ts.
   */
  isCut = false;
  /**
   * Grants access to the shared folder over HTTP while the session lasts; empty if none is needed.
   */
  accessToken = "";
  /** Its client accepts files that people offer. Written only by complete-login.ts. */
  takesFiles = false;
  /**
   * Its client shows what its user has sent to people from elsewhere, not sealed. Written only by
   * complete-login.ts.
   */
  hearsCopies = false;
  /** The number with which its record was claimed (store.ts). Written only by complete-login.ts. */
  claim: number | undefined = undefined;
  /** The last known claim of its record by another server. Written only by foreign-events.ts. */
  claimedElsewhere = 0;
  /**
   * While it logs in, the accounts that it will belong to if that succeeds. Written only by
   * account-queries.ts.
   */
  entersAs: readonly string[] = [];
  /** The account that its registration, which waits for the store, makes. */
  registersAs: string | undefined;
  /**
   * The folded names that a login or rename of it, which waits for the store, is about to take:
   * none in another phase.
   */
  awaitedNames: readonly string[] = [];
  /** The welcome is not committed yet; everything else for this session comes after it. */
  awaitsWelcome = false;
  readonly conversation: Conversation;
  readonly identity: Identity;
  #proven: Proven = nothingProven;
  #shareOwner: ShareOwner | undefined;
  readonly #budgets: SessionBudgets;
  /** A login waiting for the signature over its nonce. Set by key-proof.ts, taken by login.ts. */
  challenge: { readonly nonce: string; readonly command: LoginCommand } | undefined;
  readonly counter = new MessageCounter();
  readonly rooms = new Memberships();
  /**
   * Memberships from which it receives events, including rooms that it is just leaving. Written by
   * room.ts.
   */
  listens = 0;
  /** Replaced only by pending-login.ts, when it is about to read another mailbox. */
  mailbox = new MailboxPosition();
  #privateChat: PrivateChat | undefined;
  readonly output: SessionOutput;
  readonly queue: CommandQueue;
  readonly liveness: Liveness;
  readonly person = new Person();

  constructor(
    readonly id: number,
    readonly link: Link,
    /** Changes to a variant when the client asks for one. */
    public dialect: Dialect,
    readonly peer: Peer,
    readonly openedMs: number,
    backlog: Backlog,
    budgets: SessionBudgets,
  ) {
    this.conversation = dialect.open(peer);
    this.#budgets = budgets;
    this.queue = new CommandQueue(budgets.enter(this.shareOwner));
    this.identity = {
      key: `#${id}`,
      name: "",
      folded: "",
      alias: undefined,
      recordId: "",
      account: "",
      mailbox: "",
    };
    this.output = new SessionOutput(link, backlog, dialect);
    this.liveness = new Liveness(openedMs);
  }

  get privateChat(): Readonly<PrivateChat> {
    return this.#privateChat ?? noPrivateChat;
  }

  /** For private-chat.ts only. Most sessions never have one. */
  get ownPrivateChat(): PrivateChat {
    return (this.#privateChat ??= { ...noPrivateChat });
  }

  get phase(): SessionPhase {
    return this.#phase;
  }

  /** Throws if the transition from the current phase is invalid: a bug in the caller. */
  enter(phase: SessionPhase): void {
    if (!phasesAfter[this.#phase].includes(phase)) {
      throw new Error(`A session can't go from ${this.#phase} to ${phase}`);
    }
    this.#phase = phase;
    this.awaitedNames = [];
    if (phase === "gone") this.#budgets.leave(this.shareOwner);
  }

  /** Whether it has been admitted to the server. */
  get isAdmitted(): boolean {
    return this.#isAdmitted;
  }

  /** The server lets this session in: it has met the requirements, or needs to meet none. */
  admit(): void {
    this.#isAdmitted = true;
  }

  get proven(): Proven {
    return this.#proven;
  }

  /** Its client has proved `more`. If that is another account, its share of the limits is used. */
  prove(more: Partial<Proven>): void {
    const { account } = this.#proven;
    this.#proven = { ...this.#proven, ...more };
    if (this.#proven.account === account || this.#phase === "gone") return;
    const before = this.#shareOwner;
    this.#shareOwner = undefined;
    this.queue.shareWith(this.#budgets.enter(this.shareOwner));
    if (before !== undefined) this.#budgets.leave(before);
    this.link.belongsTo?.(this.shareOwner);
  }

  /**
   * The owner whose shared limits it uses: its network or, once it has proved an account, that
   * account.
   */
  get shareOwner(): ShareOwner {
    const { address } = this.peer;
    const { account } = this.#proven;
    this.#shareOwner ??=
      account === undefined ? ownerAt(address) : ownerOfAccount(account, address);
    return this.#shareOwner;
  }

  get name(): string {
    return this.identity.name;
  }

  /** Whether it is a member, or has been one. */
  get hadName(): boolean {
    return this.person.sinceMs > 0;
  }

  /** Whether its last line is on the way, or the connection has closed: it does nothing more. */
  get hasEnded(): boolean {
    return this.#phase === "ending" || this.#phase === "gone";
  }

  /** Whether a member whose client has shut down its write side stays. */
  get staysAfterEnd(): boolean {
    return this.dialect.hearsAfterEnd === true && this.phase === "member" && !this.isCut;
  }

  /** Whether its last line has been sent, or the connection has closed. */
  get isOver(): boolean {
    return this.#phase === "gone" || this.liveness.endingSinceMs > 0;
  }
}
