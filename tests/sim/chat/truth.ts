// Invariants, whatever breaks: every acknowledged message is in its log once, and nobody receives
// anything that is not in the log, out of order, or twice. Every message is a token; the truth
// knows the fate of each.

import { accountMark } from "../../../src/chat/accounts/account-store.ts";
import type { Committed, SessionUpdate } from "../../../src/chat/turn/store.ts";
import type { Sealed } from "../../../src/protocol/messages.ts";
import { history as limits } from "../../../src/limits.ts";

/** A message: its author, where it may be received, and where it was logged. */
export type Token = {
  id: number;
  author: string;
  /** A room, or `undefined` for a private message. */
  room: string | undefined;
  to: readonly string[];
  /** When it was sent first. */
  atMs: number;
  /** Rooms and mailboxes that have logged it. */
  logged: string[];
  state: "sent" | "acknowledged" | "failed";
  /** Its author has left the room meanwhile. */
  orphaned: boolean;
  /** Sent to a room by a user for whom a private chat may have begun or not have ended yet. */
  mayBePrivate: boolean;
};

/** Whether a message that was sent then, and is stored now, may show that time. */
export type MayShow = (shownMs: number, sentMs: number) => boolean;

/** The checked parts of a batch. */
export type CommittedBatch = {
  readonly rooms: readonly { room: string; runs: readonly CommittedRun[] }[];
  readonly sessions: readonly SessionUpdate[];
  readonly mail: readonly { session: string; message: PrivateText }[];
};

type CommittedRun = { readonly texts: readonly string[]; readonly timeMs: number };

/** `isOwn`: for the other devices of its sender. */
type PrivateText = {
  readonly text: string;
  readonly timeMs: number;
  readonly sealed?: Sealed | undefined;
  readonly isOwn?: boolean | undefined;
};

/** Who had which name when, according to the log. */
type Holder = { name: string; network: string; seenMs: number; names: Set<string> };

type Heard = { readonly seq: number; readonly text: string; readonly nowMs: number };

/** How long a text that was deleted may be under way: longer than a lease and a pause. */
const lateMs = 40_000;

export class Truth {
  readonly tokens: Token[] = [];
  /** Folded names that several devices of one account may have. */
  readonly owned = new Set<string>();
  /**
   * The text of each message, by room and by mailbox; number 1 is the first. Only the numbers in
   * mailboxes that accounts have, or have had, may have gaps.
   */
  readonly rooms = new Map<string, string[]>();
  readonly mail = new Map<string, string[]>();
  readonly #holders = new Map<string, Holder>();
  /** By room and number: when the text was deleted. */
  readonly #erased = new Map<string, Map<number, number>>();
  /** What was in mailboxes of accounts that are deleted. */
  readonly #lost: string[] = [];
  /** Mailboxes that accounts have taken over: once deleted, these have used up numbers of them. */
  readonly #left = new Set<string>();
  /** Names of mailboxes that have no record yet. */
  readonly #early = new Map<string, Set<string>>();

  /** `ownerOf`: the name that an account has. */
  constructor(
    readonly ownerOf: (account: string) => string | undefined,
    readonly nowMs: () => number,
  ) {}

  token(author: string, room: string | undefined, to: readonly string[]): Token {
    const token: Token = {
      id: this.tokens.length,
      author,
      room,
      to,
      atMs: this.nowMs(),
      logged: [],
      state: "sent",
      orphaned: false,
      mayBePrivate: false,
    };
    this.tokens.push(token);
    return token;
  }

  text({ id }: Token): string {
    // Some are long, to fill buffers; some contain characters that JSON escapes.
    return `<${id}>${id % 17 === 0 ? "x".repeat(3_000) : id % 5 === 0 ? ' "ä\\' : ""}`;
  }

  tokenOf(text: string): Token {
    const id = /<(\d+)>/.exec(text)?.[1];
    const token = id === undefined ? undefined : this.tokens[Number(id)];
    return token ?? fail(`Nobody has said ${JSON.stringify(text)}`);
  }

  /** The log has committed a batch. Call once per batch. */
  committed(batch: CommittedBatch, { rooms, mail }: Committed, mayShow: MayShow): void {
    for (const update of batch.sessions) {
      const names = this.#holders.get(update.id)?.names ?? this.#early.get(update.id) ?? new Set();
      if (update.name !== "") names.add(update.name);
      const { name, network, seenMs } = update;
      this.#holders.set(update.id, { name, network, seenMs, names });
    }
    for (const update of batch.sessions) this.#checkName(update);
    for (const { session, message } of batch.mail) {
      const text = textOf(message);
      if (!/<\d+>/.test(text)) continue;
      const token = this.tokenOf(text);
      checkTime(token, message.timeMs, mayShow);
      if (session.startsWith(accountMark)) {
        this.#checkOwner(token, session, message.isOwn === true);
        continue;
      }
      this.#checkRecipient(token, session);
    }
    batch.rooms.forEach(({ room, runs }, i) => {
      const log = entry(this.rooms, room);
      if (rooms[i] !== log.length + 1) fail(`${room}: ${rooms[i]} follows ${log.length}`);
      for (const { texts, timeMs } of runs) {
        for (const text of texts) {
          log.push(text);
          if (/<\d+>/.test(text)) this.#say(this.tokenOf(text), room, timeMs, mayShow);
          // A name in a private chat is text, but a command must not be sent to everyone.
          else if (/^(accept|reject|leave)$/.test(text)) fail(`'${text}' was said in ${room}`);
        }
      }
    });
    batch.mail.forEach(({ session, message }, i) => {
      const box = entry(this.mail, session);
      const number = mail[i] ?? 0;
      // An account continues the numbers of the sessions that join it.
      const isNext = number === box.length + 1;
      const hasGaps = session.startsWith(accountMark) || this.#left.has(session);
      const mayFollow = hasGaps && number > box.length;
      if (!isNext && !mayFollow) fail(`mail ${number} follows ${box.length}`);
      const text = textOf(message);
      box[number - 1] = text;
      if (/<\d+>/.test(text)) this.#log(this.tokenOf(text), `mail of ${session}`);
    });
  }

  /** An account has taken over the messages of a mailbox after that number. */
  moved({ from, to, after }: { from: string; to: string; after: number }): void {
    this.#left.add(from);
    const texts = this.mail.get(from) ?? [];
    const box = entry(this.mail, to);
    for (let i = after; i < texts.length; i++) {
      box[i] = texts[i]!;
      delete texts[i];
    }
  }

  /** The mailbox of an account is deleted. What is under way to the account is lost. */
  dropped(mailbox: string): void {
    this.#lost.push(...(this.mail.get(mailbox) ?? []));
    this.mail.delete(mailbox);
  }

  /**
   * A room is new, or new again after retention has dropped it: the number before that of its first
   * message.
   */
  opened({ room, last }: { room: string; last: number }): void {
    const log = entry(this.rooms, room);
    log.length = Math.max(log.length, last);
  }

  /** Retention has deleted what nobody has used for long. */
  forgotten({ mailbox, room }: { mailbox?: string; room?: string }): void {
    // Nobody can be told any more which texts were deleted.
    if (room !== undefined) this.#erased.delete(room);
    if (mailbox === undefined) return;
    this.dropped(mailbox);
    // It goes on with the numbers that its client knows.
    this.#left.add(mailbox);
  }

  /** A name belongs to one session, for a while even after its connection is lost. */
  #checkName({ id, name, network, seenMs }: SessionUpdate): void {
    if (name === "" || this.owned.has(name)) return;
    for (const [other, holder] of this.#holders) {
      if (other === id || holder.name !== name) continue;
      // A restarted program has its name without the secret.
      if (holder.network === network) {
        holder.name = "";
        continue;
      }
      if (holder.seenMs > seenMs - limits.mailHoldMs && holder.seenMs <= seenMs) {
        fail(
          `${id} has got the name ${name} of ${other}, which was seen ${seenMs - holder.seenMs} ms before`,
        );
      }
    }
  }

  /** A private message is in the mailbox of a user who has, or had, the name it was sent to. */
  #checkRecipient(token: Token, session: string): void {
    const to = token.to.map((name) => name.toLowerCase());
    const holder = this.#holders.get(session);
    if (token.mayBePrivate || holder === undefined) return;
    if (to.some((name) => holder.names.has(name))) return;
    fail(`Token ${token.id} is for ${to.join(", ")}, and in the mail of ${session}`);
  }

  /** The mailbox of an account has what is for its owner, and what its owner has sent. */
  #checkOwner(token: Token, session: string, isOwn: boolean): void {
    const owner = this.ownerOf(session.slice(accountMark.length));
    const names = isOwn ? [token.author] : token.to;
    // Of an account that was deleted meanwhile.
    if (owner === undefined) return;
    if (token.mayBePrivate || names.some((name) => name === owner)) return;
    fail(`Token ${token.id} is for ${names.join(", ")}, and in the mail of ${owner}`);
  }

  /** The log is lost, and another one begins. */
  forget(): void {
    this.rooms.clear();
    this.mail.clear();
    this.#erased.clear();
    this.#holders.clear();
    this.#early.clear();
    for (const token of this.tokens) token.logged = [];
  }

  /** The owner of a mailbox has that name now. */
  named(mailbox: string, name: string): void {
    const names = this.#holders.get(mailbox)?.names ?? this.#early.get(mailbox) ?? new Set();
    names.add(name.toLowerCase());
    if (!this.#holders.has(mailbox)) this.#early.set(mailbox, names);
  }

  acknowledged(token: Token): void {
    if (token.state === "failed") fail(`Token ${token.id} failed and was acknowledged`);
    token.state = "acknowledged";
    if (token.room !== undefined && token.logged.length !== 1) {
      fail(`Token ${token.id} was acknowledged, and is in ${token.logged.length} logs`);
    }
    // Its clients have mailboxes; others may have any other name.
    const isForOwner = token.to.length === 1 && this.owned.has(token.to[0]!.toLowerCase());
    if (isForOwner && !token.mayBePrivate && token.logged.length === 0) {
      fail(`Token ${token.id} was acknowledged, and is in no mailbox`);
    }
  }

  failed(token: Token): void {
    if (token.state === "acknowledged") fail(`Token ${token.id} was acknowledged and failed`);
    token.state = "failed";
    if (token.logged.length > 0) fail(`Token ${token.id} failed, and is in ${token.logged[0]}`);
  }

  /** The text of a message was deleted. */
  erased({ room, seq, atMs }: { room: string; seq: number; atMs: number }): void {
    const erased = this.#erased.get(room) ?? new Map<number, number>();
    this.#erased.set(room, erased);
    if (!erased.has(seq)) erased.set(seq, atMs);
  }

  /** The numbers of the messages of a room whose texts were deleted. */
  erasedIn(room: string): readonly number[] {
    return [...(this.#erased.get(room)?.keys() ?? [])];
  }

  /** A user has heard that the text of a message was deleted. */
  heardDeleted(who: string, room: string, seq: number): void {
    if (this.#erased.get(room)?.has(seq) !== true) fail(`${who} does not get ${seq} of ${room}`);
  }

  /** A user has received message `seq` of a room. */
  heard(who: string, room: string, { seq, text, nowMs }: Heard): void {
    const logged = this.rooms.get(room)?.[seq - 1];
    const erasedMs = this.#erased.get(room)?.get(seq);
    if (erasedMs !== undefined && nowMs - erasedMs > lateMs) {
      fail(`${who} hears ${text} as ${seq} of ${room}, which was deleted`);
    }
    if (logged !== text) fail(`${who} hears ${text} as ${seq} of ${room}, which is ${logged}`);
  }

  /** A user with a mailbox has received private message `mail`. */
  heardPrivate(who: string, mailbox: string, mail: number, text: string): void {
    if (this.#lost.includes(text)) return;
    const logged = this.mail.get(mailbox)?.[mail - 1];
    if (logged !== text) fail(`${who} hears ${text} as mail ${mail}, which is ${logged}`);
  }

  /** The number of the message that follows in a mailbox, if there is one. */
  nextMail(mailbox: string, after: number): number | undefined {
    const box = this.mail.get(mailbox) ?? [];
    const at = box.findIndex((text, i) => i >= after && text !== undefined);
    return at < 0 ? undefined : at + 1;
  }

  #say(token: Token, room: string, timeMs: number, mayShow: MayShow): void {
    checkTime(token, timeMs, mayShow);
    this.#log(token, room);
  }

  #log(token: Token, where: string): void {
    if (token.state === "failed") fail(`Token ${token.id} failed, and is logged in ${where}`);
    if (token.logged.includes(where)) fail(`Token ${token.id} is twice in ${where}`);
    if (token.mayBePrivate && where.startsWith("mail of ")) return void token.logged.push(where);
    if (token.room !== undefined && token.room !== where) {
      fail(`Token ${token.id} was said in ${token.room}, and is logged in ${where}`);
    }
    if (token.room === undefined && !where.startsWith("mail of ")) {
      fail(`Token ${token.id} is private, and is logged in ${where}`);
    }
    token.logged.push(where);
  }
}

function checkTime({ id, atMs }: Token, shownMs: number, mayShow: MayShow): void {
  if (!mayShow(shownMs, atMs)) fail(`Token ${id} was sent at ${atMs}, and shows ${shownMs}`);
}

/** Sealed for one device, which anybody can read here. */
export function seal(text: string): Sealed {
  const key = "A".repeat(43);
  return { key, boxes: [{ key, box: Buffer.from(text).toString("base64url") }] };
}

/** What was said, sealed or not. */
export function textOf({ text, sealed }: Pick<PrivateText, "text" | "sealed">): string {
  const [first] = sealed?.boxes ?? [];
  return first === undefined ? text : Buffer.from(first.box, "base64url").toString();
}

export function fail(what: string): never {
  throw new Error(what);
}

function entry(map: Map<string, string[]>, key: string): string[] {
  let list = map.get(key);
  if (list === undefined) map.set(key, (list = []));
  return list;
}
