// The vocabulary between the hub and every way of speaking: commands go in, events come out. Knows no dialect and no wire.

import type { ErrorCode } from "../errors.ts";

/** What one member wants; a dialect makes these from what it reads. `ref` comes back in the answer (native only). */
export type Command =
  /** Enter under a name. An empty name is allowed where `assign` says so: the hub then names the member by its address. */
  | {
      type: "login";
      name: string;
      /** The other name that a member gives itself (chat-room's `:NAME:`); shown where a dialect shows it. */
      alias?: string;
      assign?: boolean;
      /** Takes messages of one sender that follow each other as one. */
      runs?: boolean;
      /** May look (people, rooms, files) but not talk, and has no name. */
      visitor?: boolean;
      room?: string;
      /** Makes the session one that can come back; empty: the hub makes one up. */
      secret?: string;
      since?: ResumePoint;
    }
  /**
   * To everyone in the room; while a private chat lasts, to the partner alone. `to` says which of the two it is for when that may
   * change before it is said, or must not be the room: the session of a partner, 0 for the room, "partner" for whoever that is.
   */
  | { type: "say"; text: string; n?: number; to?: number | "partner" }
  /** To the named members alone. `ALL` (any case) means the room. */
  | { type: "tell"; to: readonly string[]; text: string; n?: number }
  /** Who is in the room; sorted and at most `limit` where one is given, else all in the order in which they came. */
  | { type: "names"; after?: string; limit?: number; ref?: Ref }
  | { type: "rooms"; after?: string; limit: number; ref?: Ref }
  | { type: "enter"; room: string; since?: ResumePoint; ref?: Ref }
  | { type: "rename"; name: string; ref?: Ref }
  | { type: "history"; before?: number; limit: number; ref?: Ref }
  /** Ask for a private chat, answer the one who asked, end it. */
  | { type: "invite"; to: string; ref?: Ref }
  | { type: "accept"; ref?: Ref }
  | { type: "reject"; ref?: Ref }
  | { type: "leave"; ref?: Ref }
  /** List the shared folder; without `limit` the whole list. */
  | { type: "files"; after?: string; limit?: number; ref?: Ref }
  /** Native transfer; `request` is the whole JSON object, read by the transfer service. */
  | { type: "fetch"; request: Readonly<Record<string, unknown>>; ref?: Ref }
  /** S1's stop-and-wait download. */
  | { type: "download"; name: string }
  | { type: "ping"; ref?: Ref }
  /** An answer to a ping, or any line that only shows that somebody is there. */
  | { type: "alive" }
  /** The dialect answers by itself, without the hub; `end` closes the connection after it, `log` is a line for the server's terminal. */
  | { type: "reply"; text?: string; end?: boolean; log?: string }
  /** What arrived can't be understood: the sender is told so. */
  | { type: "invalid"; code: ErrorCode; message: string; ref?: Ref; n?: number; end?: boolean }
  | { type: "quit" };

export type Ref = string | number;

/** What a returning member has already: everything up to and including these numbers, of the log with this epoch. */
export type ResumePoint = { epoch?: string; seq?: number; mail?: number };

/** Why a member is gone. */
export type LeaveReason = "quit" | "lost" | "slow" | "moved" | "replaced";

/** A message in a room's log. `author` is the session that said it, 0 when it came out of the history. */
export type Said = {
  type: "said";
  room: string;
  seq: number;
  timeMs: number;
  from: string;
  alias: string | undefined;
  text: string;
  n: number | undefined;
  author: number;
};

/** What everyone in a room hears; a dialect renders it once for all its members. `author` is the session that it is about. */
export type RoomEvent =
  | Said
  | { type: "joined"; name: string; alias: string | undefined; author: number }
  | {
      type: "left";
      name: string;
      alias: string | undefined;
      reason: LeaveReason;
      author: number;
    }
  | { type: "renamed"; from: string; to: string; author: number };

/** A message for chosen recipients, numbered in the mail of each. */
export type PrivateMessage = {
  type: "private";
  mail: number;
  timeMs: number;
  from: string;
  alias: string | undefined;
  to: readonly string[];
  /** True between the two of a private chat by consent. */
  chat: boolean;
  text: string;
};

export type ChatState = "asked" | "invited" | "started" | "rejected" | "busy" | "left" | "lost";

/** What one member alone hears. */
export type PersonalEvent =
  /** The login went through. The room's `joined` follows for everybody, the newcomer too. */
  | {
      type: "welcome";
      name: string;
      alias: string | undefined;
      room: string;
      secret: string;
      epoch: string;
      seq: number;
      mail: number;
      recovered: boolean;
      n: number;
    }
  /** The login did not go through; the dialect says so, and whether it asks again. */
  | {
      type: "refused";
      code: ErrorCode;
      name: string;
      message: string;
      retryAfterMs?: number | undefined;
    }
  | PrivateMessage
  /** To the sender of a private message that went out: to whom. */
  | { type: "sent"; to: readonly string[]; text: string; chat: boolean }
  | { type: "ack"; n: number; seq: number | undefined }
  | {
      type: "names";
      room: string;
      /** The asker's own too. */
      names: readonly string[];
      total: number;
      next: string | undefined;
      ref: Ref | undefined;
    }
  | {
      type: "rooms";
      rooms: readonly { room: string; members: number }[];
      next: string | undefined;
      ref: Ref | undefined;
    }
  | {
      type: "entered";
      room: string;
      epoch: string;
      seq: number;
      recovered: boolean;
      ref: Ref | undefined;
    }
  /** The asker's own rename went through (the room hears `renamed`). */
  | { type: "name"; name: string; ref: Ref | undefined }
  | { type: "history"; room: string; messages: readonly Said[]; ref: Ref | undefined }
  /** A missed message, replayed to a member that has just come back. */
  | { type: "replay"; message: Said }
  | { type: "chat"; state: ChatState; with: string }
  /** The other of a private chat, asked or asking, has a new name in another room, where nobody here hears of it. */
  | { type: "renamed"; from: string; to: string; chat: true }
  | {
      type: "files";
      files: readonly FileEntry[];
      next: string | undefined;
      ref: Ref | undefined;
    }
  /** A line of the transfer service (offer, digests, …), passed through. */
  | { type: "transfer"; line: Readonly<Record<string, unknown>> }
  /** S1: the file can be asked for at this UDP port. */
  | { type: "download"; port: number; sizeBytes: number; name: string }
  /** Something that was asked for did not happen. `subject` is the name or value that it is about. */
  | {
      type: "error";
      code: ErrorCode;
      message: string;
      subject?: string;
      n?: number;
      retryAfterMs?: number;
      ref?: Ref | undefined;
    }
  | { type: "ping" }
  | { type: "pong"; ref: Ref | undefined }
  /** The server ends the connection and says why. */
  | { type: "bye"; reason: string; code?: "replaced" };

export type FileEntry = { name: string; sizeBytes: number; modifiedMs: number };
