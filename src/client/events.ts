// The interface of the native session: what its driver (a TCP socket, a browser's WebSocket) does
// for it, and what its user (the terminal, the page) asks of it and hears from it. Types only;
// knows no socket, no clock and no screen.

import type { ChatState, LeaveReason, RoomPoint } from "../protocol/messages.ts";

export type { ChatState, LeaveReason } from "../protocol/messages.ts";

export type SessionOptions = {
  /** Who to be; undefined for a session that only lists and fetches files. */
  name: string | undefined;
  /** The rooms to be in from the first login on; it fails if one of them is refused. */
  rooms: readonly string[];
  /**
   * 16 to 128 visible ASCII characters that nobody else knows: takes the name back after a lost
   * connection.
   */
  secret: string;
  /**
   * Where an earlier life of this session (a reloaded page) had got to; see
   * `NativeSession.position`.
   */
  since?: SessionPosition;
  /** Chance for the back-off, 0 ≤ x < 1. */
  random: () => number;
};

/** How far a session has read: what comes after it is asked for after a lost connection. */
export type SessionPosition = {
  /** The log that the numbers are from. */
  epoch: string;
  /** Number of the last private message. */
  mail: number;
  /** The rooms that the session is in, each with the `seq` of the last message read. */
  rooms: readonly RoomPoint[];
};

/**
 * What the driver has to do, in order. Call `pollOutputs()` after every other call, the user's too.
 *
 * `start(now)` → `connect` → open a connection, then `handleConnected(now)` or `handleLost(why,
 * now)`; `handleLine(line, now)` for every line (without its line end); `handleLost(why, now)` when
 * the connection ends by itself; `handleTimeout(now)` at `nextTimeoutMs`. After `close` the
 * connection is of no interest any more: close it, and report nothing more of it.
 */
export type SessionOutput =
  | { type: "connect" }
  /** One line with its `\n`. Several in a row may leave in one write or frame. */
  | { type: "send"; line: string }
  | { type: "close" }
  | { type: "event"; event: SessionEvent };

/**
 * What the user of a session hears. Texts and names are as the server sent them: make them
 * `harmless` before a terminal sees them. A `room` is spelled as the server spells it, always the
 * same.
 */
export type SessionEvent =
  /** Logged in, for the first time or again (`returned`). */
  | { type: "online"; name: string; rooms: readonly string[]; returned: boolean; server: string }
  /**
   * The connection is gone (`attempt` 1) or could not be made again (2, 3, …); the next attempt is
   * in `retryMs`. `everOnline` false: there has never been one.
   */
  | { type: "offline"; reason: string; retryMs: number; attempt: number; everOnline: boolean }
  /**
   * Back, and everything missed has arrived (`recovered`) or is lost, in all rooms. `summary` says
   * so in one line.
   */
  | {
      type: "reconnected";
      afterMs: number;
      caughtUp: number;
      recovered: boolean;
      summary: string;
    }
  /**
   * It is over: refused (`name-taken`, …), replaced, or left. Nothing follows. `code` is one of
   * errors.ts, or `left`.
   */
  | { type: "ended"; code: string; message: string }
  /** In the room now, as asked for with `join`. Not told of the rooms of `online`. */
  | { type: "entered"; room: string }
  /** `join` was refused. What was said to that room meanwhile has `failed` or will. */
  | { type: "join-failed"; room: string; code: string; message: string }
  /**
   * Not in the room any more: as asked for with `part`, or because the server did not let us in
   * again.
   */
  | { type: "parted"; room: string }
  /**
   * Said in the room. `mine`: said under this session's name; `id` as `say` gave it, when it is one
   * of this session's.
   */
  | {
      type: "message";
      room: string;
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
  /**
   * All messages up to `id` are in the log (those that `failed` excepted). `room` and `seq` are
   * those of message `id`, if it was said in a room and its number is known.
   */
  | { type: "acknowledged"; id: number; room: string | undefined; seq: number | undefined }
  /** Message `id` will never be said. `room` as `say` was given it. */
  | {
      type: "failed";
      id: number;
      room: string | undefined;
      text: string;
      code: string;
      message: string;
    }
  /** Messages `from` to `to` of the room are no longer kept by the server. */
  | { type: "gap"; room: string; from: number; to: number }
  | { type: "joined"; room: string; name: string }
  | { type: "left"; room: string; name: string; reason: LeaveReason }
  /** Once for each room shared; without `room`: the other of a private chat, who shares none. */
  | { type: "renamed"; room: string | undefined; from: string; to: string }
  | { type: "chat"; state: ChatState; with: string }
  /** What a request brought. */
  | { type: "response"; ref: number; response: SessionResponse }
  /**
   * What was asked for did not happen; without `ref` it is about no request. `subject`: the name or
   * value that it is about.
   */
  | {
      type: "error";
      code: string;
      message: string;
      ref: number | undefined;
      subject: string | undefined;
    };

/** What can be requested; `after` pages on from a response's `next`. */
export type SessionRequest =
  | { type: "who"; room: string; after?: string }
  | { type: "rooms"; after?: string }
  | { type: "history"; room: string; limit: number; before?: number }
  | { type: "files"; after?: string }
  | { type: "rename"; name: string }
  | ChatRequest;

/** Private chat by consent. What comes of these is a `chat` event, or an `error` without `ref`. */
export type ChatRequest =
  { type: "invite"; to: string } | { type: "accept" } | { type: "reject" } | { type: "leave" };

export type SessionResponse =
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
  | { type: "history"; room: string; messages: readonly PastMessage[] }
  | { type: "files"; files: readonly ListedFile[]; next: string | undefined }
  | { type: "name"; name: string };

export type PastMessage = { seq: number; timeMs: number; from: string; text: string };

export type ListedFile = { name: string; sizeBytes: number; modifiedMs: number };

/** Why `say`, `tell` and `sayToPartner` did not take a message. */
export type Unsayable =
  "too-long" | "queue-full" | "ended" | "no-recipient" | "not-in-room" | "no-partner";

/** What a driver calls. `ClientSession` (session.ts) is the one implementation. */
export interface DrivenSession {
  start(nowMs: number): void;
  handleConnected(nowMs: number): void;
  handleLine(line: string, nowMs: number): void;
  handleLost(reason: string, nowMs: number): void;
  handleTimeout(nowMs: number): void;
  /** When `handleTimeout` wants to be called; undefined: never. */
  readonly nextTimeoutMs: number | undefined;
  /** What is to be done now, in order; the list is the caller's. */
  pollOutputs(): SessionOutput[];
  /** While the driver does not read (back-pressure), silence of the server means nothing. */
  setPaused(paused: boolean, nowMs: number): void;
  /** Says `bye` and ends. */
  leave(): void;
}

/** A session as its user sees it. */
export interface NativeSession extends DrivenSession {
  readonly name: string | undefined;
  readonly online: boolean;
  /**
   * The rooms that it is in (`join` has been answered), in the order in which they were entered.
   */
  readonly rooms: readonly string[];
  /** Partner of the private chat by consent that lasts. */
  readonly partner: string | undefined;
  /**
   * Queues a message to a room that the session is in or has asked to join; sent at once when
   * possible, and again after a lost connection. Returns its `id`. Never reaches a partner: see
   * `sayToPartner`.
   */
  say(room: string, text: string): number | Unsayable;
  tell(to: readonly string[], text: string): number | Unsayable;
  /**
   * To the partner of the private chat alone. It never reaches a room, even if the chat ends
   * meanwhile.
   */
  sayToPartner(text: string): number | Unsayable;
  /**
   * Asks to be in a room beside the others: `entered` or `join-failed` follows, unless it is in it
   * already. Survives lost connections.
   */
  join(room: string): void;
  /**
   * Leaves a room: `parted` follows at once. Messages to it that have not been sent have `failed`.
   */
  part(room: string): void;
  /**
   * Asks the server; `response` or `error` carries the ref returned. Undefined: not online, or too
   * many open requests.
   */
  request(request: SessionRequest): number | undefined;
  /** Longest text that the server takes, in UTF-16 units. */
  readonly textChars: number;
  /** Messages not acknowledged yet. */
  readonly unacknowledged: number;
  /** How many more messages `say` takes at the moment. */
  readonly space: number;
  /**
   * To be kept for a later life of this session (with the secret); undefined before the first
   * login.
   */
  readonly position: SessionPosition | undefined;
}
