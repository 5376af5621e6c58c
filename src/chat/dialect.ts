// What the hub expects of a dialect. Input arrives split into messages; rendered output is split
// into sends elsewhere. A dialect is pure and knows nothing of sockets, rooms or other dialects.

import type { Command, PersonalEvent, Received, RoomEvent } from "./events.ts";
import type { SaidRun } from "./rooms/said-run.ts";

/** One dialect. Everything here is shared by all connections that use it. */
export interface Dialect {
  readonly name: string;
  /** Words with a meaning in this dialect, which can't be names, whatever their case. */
  readonly reservedWords: readonly string[];
  /**
   * How input is framed. `lines`: at `\n`, with a preceding `\r` stripped. `auto`: like `lines` if
   * the first read contains a line ending; otherwise every read is a message (docs/dialects.md
   * "Framing").
   */
  readonly input: "lines" | "auto";
  /**
   * How output is framed. `stream`: rendered text contains its own line endings and may be joined
   * with other text. `message`: each text is one message, sent separately to an unframed client and
   * with a trailing `\n` to a framed one.
   */
  readonly output: "stream" | "message";
  /**
   * Whether a message may have several lines; otherwise lines are joined before the dialect sees
   * them.
   */
  readonly severalLines?: true;
  /** Milliseconds between the sends of the greeting (default: `sendGapMs`). */
  readonly greetingGapMs?: number;
  /** Milliseconds between sends to an unframed client (default `output.unframedGapMs`). */
  readonly sendGapMs?: number;
  /** Whether members receive their own `said` and `joined` events. */
  readonly echo: { said: boolean; joined: boolean };
  /** The user lists that members receive unasked, if any. */
  readonly roster?: RosterStyle;
  /** False: there is no login, so the dialect is closed on servers that require one. */
  readonly hasLogin?: false;
  /** Whether a person can be asked a question, and answers with the next message. */
  readonly asks?: boolean;
  /** Whether a refused login closes the connection; otherwise the client may try again. */
  readonly refusalEnds?: boolean;
  /** False: the client does not receive private messages; they stay unread. */
  readonly hearsMail?: false;
  /** Whether a client that has shut down its write side keeps receiving. */
  readonly hearsAfterEnd?: boolean;
  /** What the original system's server prints on its terminal, if anything. */
  readonly terminal?: ServerTerminal;
  /** Renders an event once for all members of a room; undefined if the dialect omits it. */
  renderRoom(event: RoomEvent): string | undefined;
  /**
   * Renders a run of messages together, including line endings, for clients that need not receive
   * each in a separate send; if absent, each message is rendered separately.
   */
  renderRun?(run: SaidRun): string;
  /** The variant for clients that requested runs. */
  readonly withRuns?: Dialect;
  /** The variant that a `reply` has selected. */
  variant?(name: string): Dialect;
  /** The client may have a key, with which it opens sealed copies of what its user has sent. */
  readonly hearsCopies?: true;
  /**
   * The client receives the members of a room in an `entry` when entering it, and details about
   * everybody: host, account, rank. It learns the effects of its own actions only from answers.
   */
  readonly showsPersonas?: true;
  /** Starts the conversation of a new connection from `peer`. */
  open(peer: Peer): Conversation;
}

/**
 * `tls`: the connection is encrypted. `websocket`: it came through the page's port. Both absent if
 * not. `channel`: the binding of a TLS channel that ends here (RFC 9266), in base64url; absent if
 * it ends at a proxy, or in a browser.
 */
export type Peer = {
  address: string;
  port: number;
  tls?: true;
  websocket?: true;
  channel?: string;
  /** 32 bytes known only to the two ends of the TLS session (RFC 8446 §7.5). */
  exportKey?: (label: string) => Uint8Array;
};

/** The dialect's state for one connection: what it needs to interpret the next message. */
export interface Conversation {
  /**
   * True for a connection that never logs in but has completed its request; it is exempt from the
   * login timeout.
   */
  readonly settled?: boolean;
  /** The server's first texts, one entry per send. */
  greeting(): readonly string[];
  /**
   * Parses one message, without its line ending, received at `nowMs`. Never throws. Undefined:
   * nothing to do. Several commands are carried out in order.
   */
  receive(message: string, nowMs?: number): Received | undefined;
  /**
   * The answer to a message longer than `message.maxLineBytes` (default: an error). The connection
   * is closed in either case.
   */
  overflow?(): Command;
  /** Renders an event for this session only: one message, several, or none. */
  render(event: PersonalEvent): string | readonly string[] | undefined;
  /** Asks an idle client for its name, after a second of silence (main port only). */
  prompt?(): string;
}

export type RosterStyle = {
  /** Whether the list is the same for all members, so that it is rendered and encoded once. */
  shared: boolean;
  /** Whether the list is sent before or after the event that triggers it, or never. */
  when: {
    joined: "before" | "after" | "never";
    left: "after" | "never";
    renamed: "after" | "never";
  };
  /** Whether the renamed member itself receives no list. */
  skipRenamed: boolean;
  /**
   * Prepares the list once, from names in order of arrival; the result renders each member's copy.
   */
  render(names: readonly string[]): (self: string) => string;
};

/** Lines that the original system's server prints. Control characters have already been removed. */
export type ServerTerminal = {
  /** The dialect's port is listening. */
  started?(host: string, port: number): string;
  /** A client connected. `timeMs` is Unix time. */
  connected?(peer: Peer, timeMs: number): string;
  /** A login succeeded. */
  named?(name: string, alias: string | undefined): string;
  /** A member sent a message to the room. */
  said?(from: string, text: string): string;
  /** A member left. */
  gone?(name: string): string;
};

/** A dialect of single datagrams: one request, one answer, no state. */
export interface DatagramDialect {
  readonly name: string;
  /**
   * Answers a request; undefined: no answer. Never throws. `log` is a line for the server's
   * terminal.
   */
  answer(request: string, now: LocalTime): { text: string; log?: string } | undefined;
}

/** A moment in the server's local time. Month and day start at 1. */
export type LocalTime = {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
};
