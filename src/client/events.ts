// What a native client session is told and tells: the interface between the pure session (session.ts) and whatever drives it,
// a TCP socket on the terminal or a WebSocket in a browser. Types only; knows no socket, no clock and no screen.

import type { ChatState, LeaveReason } from "../chat/events.ts";

export type { ChatState, LeaveReason } from "../chat/events.ts";

export type SessionOptions = {
  /** Who to be; undefined for a session that only asks and fetches. */
  name: string | undefined;
  room: string;
  /** 16 to 128 characters that nobody else knows, made once by the caller: takes the name back after a lost connection. */
  secret: string;
  /** Where an earlier life of this session (a reloaded page) had got to; see `ClientSession.resumePoint`. */
  since?: { epoch: string; seq: number; mail: number };
  /** Chance for the back-off, 0 ≤ x < 1. */
  random: () => number;
};

/**
 * What the driver has to do, in order. Ask `ClientSession.take()` for it after every call of a session's method.
 *
 * A driver: `start(now)` → `connect` → open a connection, then `connected(now)` or `lost(now, why)`; `receive(line, now)` for
 * every line (without its line end); `lost(now, why)` when the connection ends by itself; `poll(now)` at `nextDeadlineMs`.
 * After `close` the connection is of no interest any more: close it, and call nothing for it.
 */
export type Output =
  | { do: "connect" }
  /** One line with its `\n`. Several in a row may leave in one write or frame. */
  | { do: "send"; line: string }
  | { do: "close" }
  | { do: "tell"; event: SessionEvent };

/** What the user of a session hears. Texts and names are as the server sent them: make them `harmless` before a terminal sees them. */
export type SessionEvent =
  /** Logged in, at first and after each lost connection (`returned`). `name` and `room` are the server's spelling. */
  | { type: "online"; name: string; room: string; returned: boolean; server: string }
  /**
   * The connection is gone (`attempt` 1) or could not be made again (2, 3, …); it is tried again in `retryMs`. `everOnline` false:
   * it has never worked.
   */
  | { type: "offline"; reason: string; retryMs: number; attempt: number; everOnline: boolean }
  /** Back, and everything missed has arrived (`recovered`) or is lost. `summary` says so in one line. */
  | {
      type: "reconnected";
      afterMs: number;
      caughtUp: number;
      recovered: boolean;
      summary: string;
    }
  /** It is over: refused (`name-taken`, …), replaced, or left. Nothing follows. `code` is one of errors.ts or `left`. */
  | { type: "ended"; code: string; message: string }
  /** Said in the room. `mine`: said under this session's name; `id` as `say` gave it, when it is one of this session's. */
  | {
      type: "message";
      seq: number;
      timeMs: number;
      from: string;
      text: string;
      mine: boolean;
      id: number | undefined;
      replayed: boolean;
    }
  /** For us alone; `chat`: within a private chat by consent. */
  | {
      type: "private";
      mail: number;
      timeMs: number;
      from: string;
      to: readonly string[];
      chat: boolean;
      text: string;
      replayed: boolean;
    }
  /** All messages up to `id` are in the log (those that `failed` excepted). */
  | { type: "acknowledged"; id: number; seq: number | undefined }
  /** Message `id` will never be said. */
  | { type: "failed"; id: number; text: string; code: string; message: string }
  /** Messages `from` to `to` of the room were not kept by the server. */
  | { type: "gap"; from: number; to: number }
  | { type: "joined"; name: string }
  | { type: "left"; name: string; reason: LeaveReason }
  | { type: "renamed"; from: string; to: string }
  | { type: "chat"; state: ChatState; with: string }
  /** Answers to `ask`. */
  | { type: "answer"; ref: number; answer: Answer }
  /** What was asked for did not happen; without `ref` it is about no question. `subject`: the name that it is about, if it is about one. */
  | { type: "error"; code: string; message: string; ref: number | undefined; subject?: string }
  /** In another room now (`enter`). */
  | { type: "entered"; room: string; recovered: boolean };

/** What can be asked; `after` pages on from an answer's `next`. */
export type Question =
  | { type: "who"; after?: string }
  | { type: "rooms"; after?: string }
  | { type: "history"; limit: number; before?: number }
  | { type: "files"; after?: string }
  | { type: "rename"; name: string }
  | { type: "invite"; to: string }
  | { type: "accept" }
  | { type: "reject" }
  | { type: "leave" };

export type Answer =
  | {
      type: "names";
      room: string;
      names: readonly string[];
      total: number;
      next: string | undefined;
    }
  | {
      type: "rooms";
      rooms: readonly { room: string; members: number }[];
      next: string | undefined;
    }
  | {
      type: "history";
      room: string;
      messages: readonly { seq: number; timeMs: number; from: string; text: string }[];
    }
  | { type: "files"; files: readonly ListedFile[]; next: string | undefined }
  | { type: "name"; name: string };

export type ListedFile = { name: string; sizeBytes: number; modifiedMs: number };

/** Why `say` and `tell` did not take a message. */
export type Unsayable = "too-long" | "queue-full" | "ended" | "no-recipient";

/** The session as its driver and its user see it; `ClientSession` in session.ts is the one implementation. */
export interface NativeSession {
  start(nowMs: number): void;
  connected(nowMs: number): void;
  receive(line: string, nowMs: number): void;
  lost(nowMs: number, reason: string): void;
  poll(nowMs: number): void;
  /** When `poll` wants to be called; undefined: never. */
  readonly nextDeadlineMs: number | undefined;
  /** What is to be done now, in order; the list is the caller's. */
  take(): Output[];
  /** Longest text that the server takes, in UTF-16 units. */
  readonly textChars: number;
  /** Queues a message to the room (to the partner alone while a private chat lasts); sent at once when possible. Answers its `id`. */
  say(text: string): number | Unsayable;
  tell(to: readonly string[], text: string): number | Unsayable;
  /** Asks the server; the `answer` (or `error`) carries the `ref`. Undefined: not online, or too many open questions. */
  ask(question: Question): number | undefined;
  /** Goes to another room after what was said before has arrived; messages said from now on are for that room. */
  enter(room: string): void;
  /** Says `bye` and ends. */
  leave(): void;
  /** Messages not acknowledged yet. */
  readonly unacknowledged: number;
  /** How many more messages `say` takes at the moment. */
  readonly space: number;
  readonly room: string;
  readonly name: string | undefined;
  readonly online: boolean;
  /** Partner of the private chat by consent that lasts. */
  readonly partner: string | undefined;
  /** To be kept for a later life of this session (with the secret). */
  readonly resumePoint: { epoch: string; seq: number; mail: number } | undefined;
  /** While the driver does not read (back-pressure), silence of the server means nothing. */
  setPaused(paused: boolean, nowMs: number): void;
}
