// One connection as the hub sees it, made of parts that have one writer each: who it is (names/registry.ts), how far its
// messages are (message-counter.ts), where it is (membership.ts), what it is sent (fan-out/), what it may still do (sender-pace.ts),
// when it was heard (timers.ts). What follows from a command is elsewhere.

import type { Conversation, Dialect, Peer } from "./dialect.ts";
import type { Link } from "./link.ts";
import type { Backlog } from "./fan-out/outbox.ts";
import { SessionOutput } from "./fan-out/session-output.ts";
import { MessageCounter } from "./message-counter.ts";
import type { PartnerNames } from "./names/partner-names.ts";
import type { RateBudget } from "./rate-budget.ts";
import { CommandQueue } from "./sender-pace.ts";

/**
 * `new`: has no name yet. `entering`: its login waits for the store. `visitor`: may look but not talk. `member`: has a name.
 * `ending`: output drains. `gone`: closed.
 */
export type Phase = "new" | "entering" | "visitor" | "member" | "ending" | "gone";

/** Who a session is. Written by names/registry.ts alone. */
export type Identity = {
  /** What stays the same when name or connection change: the record's ID, or `#` and the number of the connection. */
  key: string;
  /** As it is shown, and as it is compared. Empty while there is none. */
  name: string;
  folded: string;
  alias: string | undefined;
  /** Key of the session's record in the store; empty for dialects that can't resume. */
  recordId: string;
};

/** A session in a room. Written by membership.ts alone. */
export type Membership = {
  readonly session: Session;
  /** Folded name of the room. */
  readonly room: string;
  /** It hears the events after this order, and up to the other. */
  hearsFrom: number;
  hearsUntil: number;
  /** The last `seq` that it has been told of the past; undefined once it hears the room live. */
  replayed: number | undefined;
  /** What it is told of the past is charged: it has asked for it, and has not just come back. */
  isCharged: boolean;
};

/** The rooms of a session, by folded name. A list: most are in one room, and a Map costs 250 bytes more. */
export class Memberships {
  #list: Membership[] = [];

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

  /** Adds a membership in place of another in the same room. */
  add(membership: Membership): void {
    this.delete(membership.room);
    this.#list.push(membership);
  }

  delete(room: string): void {
    this.#list = this.#list.filter((membership) => membership.room !== room);
  }

  [Symbol.iterator](): Iterator<Membership> {
    return this.#list[Symbol.iterator]();
  }
}

/** A private chat by consent: keys of others' identities. Written by private-chat.ts alone. */
export type PrivateChat = {
  partner: string | undefined;
  invitedBy: string | undefined;
  invited: string | undefined;
  /** Names by which it has known partners, who may be called otherwise now. */
  names: PartnerNames | undefined;
};

/** Signs of life, in Unix milliseconds; 0: not yet. Written by timers.ts, but for `heardMs`. */
export type Liveness = {
  heardMs: number;
  pingedMs: number;
  /** What its link had taken when that was last looked at, and since when it takes no more of what waits. */
  takenBytes: number;
  stalledMs: number;
  endingMs: number;
  /** When the other side said that it sends no more. */
  endedMs: number;
  /** When its record was last to be written. */
  recordedMs: number;
};

/** The mailbox of a session with a record. Written by replay.ts and delivery.ts. */
export type Mailbox = {
  /** Number of the last message that is in it. */
  last: number;
  /** The last number that it has been told of the past; undefined once it hears private messages live. */
  replayed: number | undefined;
};

export class Session {
  phase: Phase = "new";
  /** Its welcome waits for the log: whatever else it is told comes after that. */
  awaitsWelcome = false;
  readonly identity: Identity;
  readonly counter = new MessageCounter();
  readonly rooms = new Memberships();
  /** Memberships by which it hears a room now, one that it has just left counted. Written by room.ts. */
  listens = 0;
  readonly mailbox: Mailbox = { last: 0, replayed: undefined };
  readonly privateChat: PrivateChat = {
    partner: undefined,
    invitedBy: undefined,
    invited: undefined,
    names: undefined,
  };
  readonly output: SessionOutput;
  readonly queue: CommandQueue;
  readonly liveness: Liveness;

  constructor(
    readonly id: number,
    readonly link: Link,
    /** Changes once, at the login of a client that takes runs. */
    public dialect: Dialect,
    readonly conversation: Conversation,
    readonly peer: Peer,
    readonly openedMs: number,
    backlog: Backlog,
    budgets: readonly RateBudget[],
  ) {
    this.queue = new CommandQueue(budgets);
    this.identity = { key: `#${id}`, name: "", folded: "", alias: undefined, recordId: "" };
    this.output = new SessionOutput(link, backlog, dialect);
    this.liveness = {
      heardMs: openedMs,
      pingedMs: 0,
      takenBytes: 0,
      stalledMs: 0,
      endingMs: 0,
      endedMs: 0,
      recordedMs: 0,
    };
  }

  get name(): string {
    return this.identity.name;
  }

  /** Its last line has been told, or nobody is there to hear it. */
  get isOver(): boolean {
    return this.phase === "gone" || this.liveness.endingMs > 0;
  }
}
