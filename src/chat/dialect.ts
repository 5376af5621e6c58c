// What a way of speaking has to be: bytes are already cut into messages here, and what is rendered
// is cut into sends elsewhere. A dialect is pure; it knows nothing of sockets, rooms or other
// dialects.

import type { Command, PersonalEvent, RoomEvent } from "./events.ts";
import type { SaidRun } from "./said-run.ts";

/** One way of speaking. Everything here is shared by all connections that speak it. */
export interface Dialect {
  readonly name: string;
  /**
   * Words, in any letter case, that this dialect reads as something else than a name: nobody can be
   * called so.
   */
  readonly reservedWords: readonly string[];
  /**
   * How input is cut. `lines`: at `\n`, a `\r` before it stripped. `auto`: decided by the first
   * message: with a line end in it as `lines`, else one read is one message (docs/dialects.md
   * "Framing").
   */
  readonly input: "lines" | "auto";
  /**
   * How output leaves. `stream`: what is rendered carries its own line ends and may leave in one
   * piece with others. `message`: one rendered text is one message; it leaves as one send to an
   * unframed client, with `\n` after it to a framed one.
   */
  readonly output: "stream" | "message";
  /**
   * Milliseconds between the sends of the greeting; without it those of any two sends to an
   * unframed client.
   */
  readonly greetingGapMs?: number;
  /** Milliseconds between two sends to an unframed client (default `output.unframedGapMs`). */
  readonly sendGapMs?: number;
  /** Whether a member hears its own `said` and `joined` events. */
  readonly echo: { said: boolean; joined: boolean };
  /** The user lists that members get unasked, if they do. */
  readonly roster?: RosterStyle;
  /** Whether a login that is refused ends the connection; else the dialect asks again. */
  readonly refusalEnds?: boolean;
  /** A client that has ended its input still hears the room, until its connection is gone. */
  readonly hearsAfterEnd?: boolean;
  /** What this system's own server prints on its terminal, if anything. */
  readonly terminal?: ServerTerminal;
  /**
   * Renders an event once for all members of a room; undefined if this dialect does not tell it.
   */
  renderRoom(event: RoomEvent): string | undefined;
  /**
   * Renders messages of one sender that follow each other as one line; without it each is rendered
   * by itself.
   */
  renderRun?(run: SaidRun): string;
  /** The same way of speaking, for clients that have asked for runs. */
  readonly withRuns?: Dialect;
  /** A new connection. `peer` is the other side's address, for what shows it. */
  open(peer: Peer): Conversation;
}

export type Peer = { address: string; port: number };

/** One connection's side of a dialect: remembers what it needs to read the next message. */
export interface Conversation {
  /**
   * True in a dialect where nobody logs in, once this connection has said what it must: from then
   * on it may be silent.
   */
  readonly settled?: boolean;
  /** What the server says first, one entry a send. */
  greeting(): readonly string[];
  /** Reads one whole message (without its line end). Never throws. Undefined: nothing to do. */
  receive(message: string): Command | undefined;
  /**
   * What a message is answered with that is longer than `message.maxLineBytes`; without it by an
   * error. The connection ends.
   */
  overflow?(): Command;
  /** Renders what this member alone hears: one message, several, or nothing. */
  render(event: PersonalEvent): string | readonly string[] | undefined;
  /** What a person who has said nothing for a second is asked (main port only). */
  prompt?(): string;
}

export type RosterStyle = {
  /** All members get the same text, so that it can be rendered and sent once for all. */
  shared: boolean;
  /** Whether the list goes before the event that caused it, after it, or is not sent for it. */
  when: {
    joined: "before" | "after" | "never";
    left: "after" | "never";
    renamed: "after" | "never";
  };
  /** The member that was renamed gets no list. */
  skipRenamed: boolean;
  /**
   * Prepares the list of names, in the order in which they came, once; the result gives each
   * member's own text.
   */
  render(names: readonly string[]): (self: string) => string;
};

/**
 * The lines of a system's own server. All names and texts in them have lost their control
 * characters before.
 */
export type ServerTerminal = {
  /** The port of this dialect is open. */
  started?(host: string, port: number): string;
  /** A connection has come. `timeMs` is Unix time. */
  connected?(peer: Peer, timeMs: number): string;
  /** A login went through. */
  named?(name: string, alias: string | undefined): string;
  /** A member of this dialect has said something to all. */
  said?(from: string, text: string): string;
  /** A member of this dialect is gone. */
  gone?(name: string): string;
};

/** One way of speaking in which a datagram is a request and gets one answer, without memory. */
export interface DatagramDialect {
  readonly name: string;
  /**
   * Answers one request; undefined: not at all. Never throws. `log` is a line for the server's
   * terminal.
   */
  answer(request: string, now: LocalTime): { text: string; log?: string } | undefined;
}

/** A moment on the server's clock and calendar. Month and day count from 1. */
export type LocalTime = {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
};
