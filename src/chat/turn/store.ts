// The store as the hub sees it: requests go out (`Hub.pollStore`), replies come back
// (`Hub.handleStore`), synchronously or later. The store may be memory, a file, or a remote
// database; src/store implements it, and one contract suite tests every implementation. Types only.

import type { ParleyError } from "../../errors.ts";
import type {
  Account,
  AccountChange,
  AccountLookup,
  AccountOutcome,
  Accounts,
  OwnMailbox,
} from "../accounts/account-store.ts";
import type { PresenceEvent, PrivateMessage, Said } from "../events.ts";
import type { DirectoryEntry, ForeignPerson, PublicPerson } from "../elsewhere/foreign-person.ts";
import type { ForeignMember } from "../elsewhere/foreign-roster.ts";
import type { HubSignal } from "../elsewhere/hub-signal.ts";
import type { RoomRank } from "../people/persona.ts";
import type { SharedCharge } from "../rates/shared-charges.ts";
import type { RightsChange, RightsRow } from "../rights/rights-rows.ts";
import type { SaidRun } from "../rooms/said-run.ts";

/**
 * One turn's changes, committed atomically. `number` counts the batches of this process from 1 and
 * makes the commit idempotent: repeating a batch whose outcome was unknown logs it once and returns
 * the same reply.
 */
export type Batch = {
  readonly number: number;
  /** Messages by room, each room once, numbered by the log in this order. */
  readonly rooms: readonly RoomBatch[];
  /** Private messages, numbered by the mailbox. */
  readonly mail: readonly Mail[];
  /** Changed records, each once, in their state after this batch. */
  readonly sessions: readonly SessionUpdate[];
  /** For the other servers, if the store has several: each room once. */
  readonly presence?: readonly Presence[] | undefined;
  /** Claimed names that are released. */
  readonly released?: readonly NameClaim[] | undefined;
  /** Who is connected here, for interested servers: each name once. */
  readonly people?: readonly DirectoryChange[] | undefined;
  /** For individual people on other servers, in this order. */
  readonly signals?: readonly AddressedSignal[] | undefined;
};

/** `entry` undefined: nobody here has the name any more. */
export type DirectoryChange = {
  readonly folded: string;
  readonly entry: DirectoryEntry | undefined;
};

export type AddressedSignal = { readonly server: string; readonly signal: HubSignal };

/** Who entered a room, left it or changed their name, in this order. */
export type Presence = { readonly room: string; readonly changes: readonly PresenceChange[] };

export type PresenceChange = {
  /** Empty: the event does not change anybody's presence. */
  readonly folded: string;
  /** The name as shown; undefined: left. */
  readonly name: string | undefined;
  /** The public details of the user, and their rank in this room until they leave. */
  readonly about?: PublicPerson | undefined;
  readonly rank?: RoomRank | undefined;
  /** Opens the room: has that rank only if nobody has entered before at another server. */
  readonly opens?: boolean | undefined;
  /** The announcement to the other members; undefined: none. */
  readonly event: PresenceEvent | undefined;
  /** Its place among the batch's changes, in whichever rooms. Older servers don't say. */
  readonly at?: number | undefined;
};

/** Numbers of members of rooms, and of people, on all servers that use the store. */
export type Overview = {
  readonly rooms: readonly { readonly room: string; readonly members: number }[];
  readonly people: number;
};

/** `address`: as in ForeignPerson. */
export type PersonAtServer = Pick<ForeignPerson, "folded" | "name" | "server" | "address">;

/** A folded name and its holder: a mailbox, or `#` and the number of a connection. */
export type NameClaim = {
  readonly name: string;
  readonly holder: string;
  /** For a place (place-claims.ts): the server where it was asked for last has it. */
  readonly asked?: Asked | undefined;
};

/** When a connection has asked for a place. */
export type Asked = {
  /** When it was opened: a request may wait long for a database. */
  readonly openedMs: number;
  /**
   * When its client sent the request, by the client's own clock, if it says so. A server may hear
   * of a connection only after the client has given it up for another one.
   */
  readonly sentMs?: number | undefined;
};

/** A session's record that was claimed along with its name. */
export type SessionTaken = {
  /** Highest counter of its messages; it stays the same until the next batch. */
  readonly n: number;
  /** As in its record. */
  readonly refused?: string | undefined;
  /** From now on the record may only be written with this number. */
  readonly claim: number;
};

/** `isFree` false: somebody connected to another server has the name. */
export type NameClaimed = {
  readonly isFree: boolean;
  readonly taken?: SessionTaken | undefined;
};

/** A private message for the mailbox of session `session` (its record's ID). */
export type Mail = {
  readonly session: string;
  /**
   * The sender's network (addresses.ts), which has a share of the mailbox. Never shown to anybody.
   */
  readonly network: string;
  readonly message: Omit<PrivateMessage, "mail">;
  readonly other?: MailPartner | undefined;
  /** What the mailbox's owner has sent: kept for their history, never delivered. */
  readonly isCopy?: boolean | undefined;
};

/**
 * Whom a message was exchanged with: the sender or, for a copy, the recipient. `person`: their
 * mailbox; empty if they have none. `name`: as shown then.
 */
export type MailPartner = { readonly person: string; readonly name: string };

/** A message in a mailbox, without its content. `id`: 0 if it has none. */
export type MailEntry = MailPartner & {
  readonly mail: number;
  readonly timeMs: number;
  readonly id: number;
};

export type RoomBatch = { readonly room: string; readonly runs: readonly SaidRun[] };

/** The numbers assigned to a batch: the first `seq` per room, the `mail` per private message. */
export type Committed = {
  readonly rooms: readonly number[];
  readonly mail: readonly number[];
  /** How often the members of each `presence` room have changed so far. */
  readonly presence?: readonly number[] | undefined;
  /** Those of `presence` who wanted to open a room that others had opened, in any order. */
  readonly late?: readonly LateOpening[] | undefined;
};

export type LateOpening = { readonly room: string; readonly folded: string };

/**
 * The numbers kept of a room. `last` is 0 in a new room; `first` is `last + 1` if nothing is kept.
 */
export type RoomBounds = {
  first: number;
  last: number;
  /** Members of the room who are connected to other servers. */
  elsewhere?: { version: number; members: readonly ForeignMember[] } | undefined;
  /**
   * Of the messages up to the `since` that was asked for, those whose texts were erased when none
   * of the room had a higher number than that, or later: a client that has read so far may not know
   * of it. Only among the last `protocol.erasures` of the room. With other servers, also those
   * that were erased up to `protocol.toldBeforeErasure` messages before.
   */
  erased?: readonly number[] | undefined;
};

/**
 * Messages of a mailbox. A full mailbox has gaps: `count` shows whether all up to `last` are there.
 */
export type MailCount = { count: number; last: number };

/** What is stored about a session that has a secret. */
export type SessionRecord = {
  /** A hash of its secret. */
  id: string;
  /** The folded name it holds, at which mail reaches it even while away. Empty after a goodbye. */
  name: string;
  /** Highest counter of its messages. */
  n: number;
  /** Which of the last messages were refused (refused-numbers.ts); undefined: none. */
  refused?: string | undefined;
  /** Highest number in its mailbox. */
  mail: number;
  /** The network it last connected from (addresses.ts); empty if unknown. */
  network: string;
  seenMs: number;
  /** Present and true: it is connected to another server and has the name. */
  isElsewhere?: boolean | undefined;
};

/** A record as the hub writes it. Mail is numbered by the mailbox itself. */
export type SessionUpdate = Omit<SessionRecord, "mail" | "isElsewhere"> & {
  /**
   * The new mailbox of an account continues this one's numbers, and gets what its client may not
   * have received yet. In shared stores, the registration does that.
   */
  continues?: OwnMailbox | undefined;
  /** `n` without the messages of this batch; undefined: the batch contains none of them. */
  before?: number | undefined;
  /** The number with which the record was claimed; undefined: no other server could have it. */
  claim?: number | undefined;
  /** Connected to this server. */
  isHere?: boolean | undefined;
};

/** The rooms' logs. `seq` starts at 1 and has no gaps within a room. */
export interface RoomLog {
  bounds(room: string, since?: number): RoomBounds;
  /** At most `limit` messages with a higher `seq`, ascending. */
  after(room: string, seq: number, limit: number): readonly Said[];
  /** The newest messages with a lower `seq`, at most `limit`, ascending. */
  before(room: string, seq: number, limit: number): readonly Said[];
  /** Erases the text of a message; its number stays. False: it is no longer kept. */
  erase(room: string, seq: number): boolean;
}

/**
 * Private messages by recipient. `mail` starts at 1 and has no gaps within a mailbox; copies have
 * numbers below 0, ascending too.
 */
export interface Mailboxes {
  /** At most `limit` messages with a higher `mail`, ascending. */
  after(session: string, mail: number, limit: number): readonly PrivateMessage[];
  /** How many messages have a higher `mail`, and the highest of them (`mail` if there is none). */
  countAfter(session: string, mail: number): MailCount;
  /** All that a mailbox keeps: copies, then received messages, each ascending. */
  list(session: string): readonly MailEntry[];
  /** Those of these messages that are still kept, in any order. */
  pick(session: string, mail: readonly number[]): readonly PrivateMessage[];
}

/** Session records. Written by `commit`. An absent session keeps its name for a while. */
export interface Sessions {
  load(id: string): SessionRecord | undefined;
  /**
   * The session last seen with this folded name, at or after `sinceMs`, that did not say goodbye.
   */
  find(name: string, sinceMs: number): SessionRecord | undefined;
}

/** Operators' decisions (rights/rights-rows.ts). */
export interface RightsTable {
  /** Every row, in any order. */
  load(): readonly RightsRow[];
  /** Carries out all changes or none. */
  /** Returns the rows with another value than `before`, as they are now, or gone. */
  change(changes: readonly RightsChange[]): readonly RightsChange[];
}

/**
 * A store in this process, which answers synchronously.
 * @throws ParleyError `storage`, from every method: reading or writing failed
 */
export interface LocalStore {
  /** Identifies this log: numbers of another epoch mean nothing here. At most 32 characters. */
  readonly epoch: string;
  readonly rooms: RoomLog;
  readonly mailboxes: Mailboxes;
  readonly sessions: Sessions;
  readonly rights: RightsTable;
  readonly accounts: Accounts;
  commit(batch: Batch): Committed;
}

/** The operations and their results. */
export type StoreResults = {
  commit: Committed;
  "room-bounds": RoomBounds;
  "read-room": readonly Said[];
  "read-mail": readonly PrivateMessage[];
  "count-mail": MailCount;
  "list-mail": readonly MailEntry[];
  "load-session": SessionRecord | undefined;
  "find-name": SessionRecord | undefined;
  "claim-name": NameClaimed;
  /** Holders of these names on other servers; an owner may be on several. */
  "find-elsewhere": readonly ForeignPerson[];
  /** All users at other servers, sorted by name, at most `limit`. */
  "list-elsewhere": readonly PersonAtServer[];
  overview: Overview;
  /** Rows that were not updated, as they are now: see `RightsTable.change`. */
  "change-rights": readonly RightsChange[];
  "erase-message": boolean;
  "find-account": Account | undefined;
  "change-account": AccountOutcome;
  "tell-charges": undefined;
  /**
   * The address of another server that has claimed the name, as `HOST:PORT`; empty if it announces
   * none; undefined: no other has.
   */
  "find-claimant": string | undefined;
  /** Undefined: who asks may no longer act for the account. */
  "put-code": true | undefined;
  /** The account of an unused code. */
  "find-code": string | undefined;
};

type StoreArguments = {
  commit: { batch: Batch };
  /** `since`: what a client has read, which may have been erased meanwhile. */
  "room-bounds": { room: string; since?: number | undefined };
  /** Messages after `after`, or the newest before `before`. */
  "read-room": { room: string; limit: number } & ({ after: number } | { before: number });
  /** Messages after `after`, or those with these numbers that are still kept, in any order. */
  "read-mail": { session: string } & (
    { after: number; limit: number } | { numbers: readonly number[] }
  );
  "count-mail": { session: string; after: number };
  "list-mail": { session: string };
  "load-session": { session: string };
  "find-name": { name: string; sinceMs: number };
  /**
   * `session`: the record that is claimed along with the name. `isWithdrawn`: if it has not been
   * claimed yet, it never will be; the answer is then that the name is not free.
   */
  "claim-name": {
    claim: NameClaim;
    session?: string | undefined;
    isWithdrawn?: boolean | undefined;
  };
  /** Folded. */
  "find-elsewhere": { names: readonly string[] };
  "list-elsewhere": { limit: number };
  overview: Record<never, never>;
  "change-rights": { changes: readonly RightsChange[] };
  "erase-message": { room: string; seq: number };
  "find-account": { lookup: AccountLookup };
  "change-account": { change: AccountChange };
  "find-claimant": { name: string };
  /** Has the other servers count them; in other stores, does nothing. */
  "tell-charges": { charges: readonly SharedCharge[] };
  /**
   * From now on the account's only code, by its hash (device-codes.ts), until the account loses a
   * device or its password. `key`: of the device that asks, if it is one; otherwise `password`, as
   * stored, if it has shown that. Only in shared stores.
   */
  "put-code": {
    hash: string;
    account: string;
    key: string | undefined;
    password: string | undefined;
    ttlMs: number;
  };
  "find-code": { hash: string };
};

/** What the hub wants read or written. */
export type StoreOperation = {
  [K in keyof StoreResults]: { type: K } & StoreArguments[K];
}[keyof StoreResults];

/** An operation with an ID that its reply repeats. Each is answered once, in any order. */
export type StoreRequest = StoreOperation & { id: number };

/**
 * The outcome of a request. `failed`: it did not happen and never will. `unknown`: it may have
 * happened, or may yet; the hub asks again (a commit under the same number, anything else with the
 * same ID).
 */
export type StoreReply = { id: number } & (
  | {
      [K in keyof StoreResults]: { outcome: "done"; type: K; result: StoreResults[K] };
    }[keyof StoreResults]
  | { outcome: "failed"; error: ParleyError }
  | { outcome: "unknown" }
);

/** Carries out one request and calls `reply` exactly once, synchronously or later. Never throws. */
export type StoreAnswerer = (request: StoreRequest, reply: (reply: StoreReply) => void) => void;
