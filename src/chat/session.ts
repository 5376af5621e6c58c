// One connection as the hub sees it, made of parts with one writer each: identity
// (names/registry.ts), counter (message-counter.ts), rooms (membership.ts), output (fan-out/),
// queue (command-queue.ts), liveness (timers.ts). What a command does is decided elsewhere.

import type { Conversation, Dialect, Peer } from "./dialect.ts";
import type { Link } from "./link.ts";
import type { Backlog } from "./fan-out/outbox.ts";
import { SessionOutput } from "./fan-out/session-output.ts";
import { MessageCounter } from "./message-counter.ts";
import type { PartnerNames } from "./names/partner-names.ts";
import type { RateBudget } from "./rate-budget.ts";
import { CommandQueue } from "./command-queue.ts";

/**
 * `new`: no name yet. `entering`: the login waits for the store. `visitor`: may look but not talk.
 * `member`: has a name. `ending`: output drains. `gone`: closed.
 */
export type Phase = "new" | "entering" | "visitor" | "member" | "ending" | "gone";

/** Who a session is. Written by names/registry.ts alone. */
export type Identity = {
  /** Survives renames and reconnects: the record's ID, or `#` and the connection's number. */
  key: string;
  /** As shown, and folded. Empty before login. */
  name: string;
  folded: string;
  alias: string | undefined;
  /** ID of the session's record in the store; empty in dialects that can't resume. */
  recordId: string;
};

/** A session in a room. Written by membership.ts; replay.ts advances `replayedTo`. */
export type Membership = {
  readonly session: Session;
  /** Folded name of the room. */
  readonly room: string;
  /** The member receives events after `hearsFrom`, up to and including `hearsUntil`. */
  hearsFrom: number;
  hearsUntil: number;
  /** Last `seq` replayed; undefined once the member hears the room live. */
  replayedTo: number | undefined;
  /**
   * Whether replay counts against the sender's rate: it was requested, not caused by a reconnect.
   */
  isCharged: boolean;
};

/**
 * A session's rooms by folded name. A list, because most sessions have one; a Map takes 250 bytes
 * more.
 */
class Memberships {
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

  /** Replaces a membership of the same room. */
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

/** Private chat by consent; identity keys. Written by private-chat.ts alone. */
export type PrivateChat = {
  partner: string | undefined;
  invitedBy: string | undefined;
  invited: string | undefined;
  /** Former names of partners. */
  names: PartnerNames | undefined;
};

/** Signs of life, in Unix milliseconds; 0: never. Written by timers.ts, except `heardMs`. */
export type Liveness = {
  heardMs: number;
  pingedMs: number;
  /**
   * The link's `takenBytes` when last checked, and since when it has not grown despite a backlog.
   */
  takenBytes: number;
  stalledSinceMs: number;
  endingSinceMs: number;
  /** When the client sent FIN. */
  inputEndedMs: number;
  /** When its record was last queued. */
  recordedMs: number;
};

/** The mailbox of a session with a record. Written by login.ts, replay.ts and delivery.ts. */
export type Mailbox = {
  /** Number of its last message. */
  last: number;
  /** Last number replayed; undefined once private messages arrive live. */
  replayedTo: number | undefined;
};

export class Session {
  phase: Phase = "new";
  /** The welcome is not committed yet; everything else for this session comes after it. */
  awaitsWelcome = false;
  readonly identity: Identity;
  readonly counter = new MessageCounter();
  readonly rooms = new Memberships();
  /** Memberships it receives from, including rooms it is just leaving. Written by room.ts. */
  listens = 0;
  readonly mailbox: Mailbox = { last: 0, replayedTo: undefined };
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
    /** Changes once, at the login of a client that accepts runs. */
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
      stalledSinceMs: 0,
      endingSinceMs: 0,
      inputEndedMs: 0,
      recordedMs: 0,
    };
  }

  get name(): string {
    return this.identity.name;
  }

  /** Whether its last line has been sent, or the connection is gone. */
  get isOver(): boolean {
    return this.phase === "gone" || this.liveness.endingSinceMs > 0;
  }
}
