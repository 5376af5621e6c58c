// A session's unacknowledged messages: numbered without gaps across rooms, sent within a window,
// delayed when the server asks for it, and resent after a refusal or a lost connection (go-back-N).
// Deterministic; knows no connection and no rooms.

import { BoundedMap } from "../bounded-map.ts";
import { fold } from "../chat/names/grammar.ts";
import { client as limits } from "../limits.ts";
import { isRetryableMessage } from "../protocol/retryable.ts";
import type {
  ClientMessage,
  ErrorMessage,
  MessageKind,
  RefusedMessages,
  Sealed,
} from "../protocol/messages.ts";
import { harmlessLines } from "../text.ts";

/** An outgoing message, to a room or to chosen recipients. */
export type QueuedMessage = {
  readonly id: number;
  readonly room: string | undefined;
  readonly to: readonly string[];
  readonly text: string;
  readonly kind?: MessageKind | undefined;
  /** Sent instead of the text. */
  readonly sealed?: Sealed | undefined;
  readonly copies?: Sealed["boxes"] | undefined;
};

type Entry = QueuedMessage & {
  /**
   * Refused for good. The entry keeps its number while earlier messages are open, but is not
   * reported again.
   */
  refused: boolean;
};

/**
 * The consequence of a refusal. `lost-count`: server and client keep disagreeing on the count, so
 * the connection must start over.
 */
export type RefusalOutcome =
  | { type: "failed"; message: QueuedMessage }
  | { type: "retried" }
  | { type: "known" }
  | { type: "lost-count" };

/**
 * `last`: ID of the last acknowledged message. `problems`, in order: messages among them that have
 * failed or, with `why.to`, have not reached somebody.
 */
export type SettledByWelcome = {
  readonly last: number | undefined;
  readonly problems: readonly { readonly message: QueuedMessage; readonly why: RefusedMessages }[];
};

const retried: RefusalOutcome = { type: "retried" };
const known: RefusalOutcome = { type: "known" };

export class SendWindow {
  /** `entries[i]` has the number `headN + i`; the first `sent` of them are in flight. */
  #entries: Entry[] = [];
  #headN = 1;
  #sent = 0;
  #sentChars = 0;
  /** Number of entries that the server may have seen since the last login; at least `sent`. */
  #exposed = 0;
  #lastId = 0;
  #open = false;
  #heldUntilMs: number | undefined;
  #rewinds = 0;
  /** Recent messages by number; their echo may arrive after the acknowledgement. */
  readonly #recent = new BoundedMap<number, Entry>(2 * limits.windowMessages);
  /** Of recent private messages: the recipients of whom no copy has arrived yet. */
  readonly #uncopied = new WeakMap<QueuedMessage, Set<string>>();

  /** Messages that are neither acknowledged nor refused for good, sent or not. */
  get unacknowledged(): number {
    return this.#entries.reduce((count, entry) => count + (entry.refused ? 0 : 1), 0);
  }

  /** How many more messages fit. */
  get space(): number {
    return limits.queueMessages - this.#entries.length;
  }

  get inFlight(): number {
    return this.#sent;
  }

  /** When `handleTimeout` is due: the end of the pause requested by the server. */
  get nextTimeoutMs(): number | undefined {
    return this.#heldUntilMs;
  }

  /**
   * ID of this session's message with number `n`, if it is recent. The same person may also send
   * from another device with its own numbers; the text tells them apart.
   */
  idOf(n: number, text: string): number | undefined {
    const recent = this.#recent.get(n);
    return recent !== undefined && harmlessLines(recent.text) === text ? recent.id : undefined;
  }

  /**
   * Whether a copy of a private message is of one that this session has sent, not sealed: each is
   * recognized once by each recipient.
   */
  hasSent(to: string, text: string): boolean {
    const person = fold(to);
    for (const recent of this.#recent.values()) {
      const { room, sealed, refused } = recent;
      if (room !== undefined || sealed !== undefined || refused) continue;
      const open = this.#uncopied.get(recent) ?? new Set(recent.to.map(fold));
      if (!open.has(person) || harmlessLines(recent.text) !== text) continue;
      open.delete(person);
      this.#uncopied.set(recent, open);
      return true;
    }
    return false;
  }

  /** Queues a message and returns its ID; undefined if the queue is full. */
  push(
    room: string | undefined,
    to: readonly string[],
    { text, kind, sealed, copies }: Pick<QueuedMessage, "text" | "kind" | "sealed" | "copies">,
  ): number | undefined {
    if (this.space <= 0) return undefined;
    const id = ++this.#lastId;
    this.#entries.push({ id, room, to, text, kind, sealed, copies, refused: false });
    return id;
  }

  /**
   * The next message to send, if the connection, the window and the server's last refusal permit
   * one.
   */
  pollSend(): ClientMessage | undefined {
    const entry = this.#entries[this.#sent];
    if (entry === undefined || !this.#open || this.#heldUntilMs !== undefined) return undefined;
    if (this.#sent >= limits.windowMessages || this.#sentChars >= limits.windowChars) {
      return undefined;
    }
    const { room, to, text, kind, sealed, copies } = entry;
    const n = this.#headN + this.#sent++;
    this.#sentChars += charsOf(entry);
    this.#exposed = Math.max(this.#exposed, this.#sent);
    this.#recent.set(n, entry);
    if (room !== undefined) return { type: "say", n, room, text, kind };
    return sealed === undefined
      ? { type: "tell", n, to, text, kind }
      : { type: "tell", n, to, text: "", kind, sealed, copies };
  }

  /**
   * Logged in; the server has accepted `serverN` messages. Those that were sent are acknowledged
   * and the rest are renumbered from there; if fewer were sent, another client has used the same
   * secret. If the number is smaller than what was already acknowledged, the server has forgotten
   * the session, and nothing is acknowledged. `first`: nothing was sent before, so nothing can be
   * acknowledged. `refused`: those of the accepted messages that were refused.
   */
  handleWelcome(
    serverN: number,
    first: boolean,
    refused: readonly RefusedMessages[] = [],
  ): SettledByWelcome {
    const count = first ? 0 : Math.min(serverN - this.#headN + 1, this.#exposed);
    const last = count > 0 ? this.#entries[count - 1]?.id : undefined;
    const problems = this.#entries.slice(0, Math.max(count, 0)).flatMap((message, i) => {
      const n = this.#headN + i;
      const known = message.refused ? [] : refused.filter((run) => n >= run.first && n <= run.last);
      message.refused ||= known.some(({ to }) => to === undefined);
      return known.map((why) => ({ message, why }));
    });
    if (first || serverN < this.#headN - 1) this.#recent.clear();
    this.#entries = this.#entries.slice(Math.max(count, 0)).filter((entry) => !entry.refused);
    this.#headN = serverN + 1;
    this.#sent = 0;
    this.#sentChars = 0;
    this.#exposed = 0;
    this.#rewinds = 0;
    this.#open = true;
    return { last, problems };
  }

  /** The connection was lost. */
  handleLost(): void {
    this.#open = false;
    this.#heldUntilMs = undefined;
  }

  /** The pause is over. */
  handleTimeout(nowMs: number): void {
    if (this.#heldUntilMs !== undefined && nowMs >= this.#heldUntilMs) {
      this.#heldUntilMs = undefined;
    }
  }

  /**
   * All messages up to number `n` are committed. Returns the ID of the last newly acknowledged
   * message.
   */
  handleAck(n: number): number | undefined {
    const count = Math.min(n - this.#headN + 1, this.#sent);
    const last = count > 0 ? this.#entries[count - 1]?.id : undefined;
    if (count > 0) {
      this.#removeHead(count);
      this.#rewinds = 0;
    }
    this.#trim();
    return last;
  }

  /** The server refused message `n`. */
  handleRefusal(n: number, refusal: ErrorMessage, nowMs: number): RefusalOutcome {
    if (isRetryableMessage(refusal.code)) {
      const waitMs = Math.min(refusal.retryAfterMs ?? 1_000, limits.retryAfterMaxMs);
      if (this.#rewind(n)) this.#heldUntilMs = nowMs + waitMs;
      return retried;
    }
    // `protocol` past the head is a gap left by an earlier refusal: no number was used up, so go
    // back to the head.
    if (refusal.code === "protocol" && n > this.#headN) {
      if (!this.#rewind(n)) return retried;
      this.#rewind(this.#headN);
      this.#heldUntilMs = nowMs + limits.retryFirstMs;
      return ++this.#rewinds <= limits.maxRewinds ? retried : { type: "lost-count" };
    }
    const index = n - this.#headN;
    const entry = index < this.#sent ? this.#entries[index] : undefined;
    const isNews = entry?.refused === false;
    if (isNews) entry.refused = true;
    this.#trim();
    return isNews ? { type: "failed", message: entry } : known;
  }

  /**
   * Removes matching messages, except those whose number the server may have seen: it has committed
   * them or will refuse them itself.
   */
  drop(matches: (message: QueuedMessage) => boolean): readonly QueuedMessage[] {
    const exposed = this.#entries.slice(0, this.#exposed);
    const dropped: Entry[] = [];
    const kept: Entry[] = [];
    for (const entry of this.#entries.slice(this.#exposed)) {
      (matches(entry) ? dropped : kept).push(entry);
    }
    this.#entries = [...exposed, ...kept];
    return dropped;
  }

  /** Marks message `n` and later ones as unsent. False if `n` is not in flight (a late answer). */
  #rewind(n: number): boolean {
    const index = n - this.#headN;
    if (index < 0 || index >= this.#sent) return false;
    for (const entry of this.#entries.slice(index, this.#sent)) this.#sentChars -= charsOf(entry);
    this.#sent = index;
    return true;
  }

  #removeHead(count: number): void {
    for (const entry of this.#entries.splice(0, count)) this.#sentChars -= charsOf(entry);
    this.#headN += count;
    this.#sent -= count;
    this.#exposed -= count;
  }

  /** Drops refused messages at the head: their numbers are used up on both sides. */
  #trim(): void {
    while (this.#sent > 0 && this.#entries[0]?.refused === true) this.#removeHead(1);
  }
}

/** The share of the window that a message occupies. */
function charsOf({ text, sealed, copies = [] }: QueuedMessage): number {
  if (sealed === undefined) return text.length;
  return [...sealed.boxes, ...copies].reduce((sum, { box }) => sum + box.length, 0);
}
