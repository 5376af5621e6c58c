// The vocabulary between the hub and every dialect: commands go in, events come out. Knows no dialect and no wire.

import type { ErrorCode } from "../errors.ts";
import type {
  ChatState,
  LeaveReason,
  Ref,
  TransferMessage,
  TransferRequest,
} from "../protocol/messages.ts";

export type { ChatState, LeaveReason, Ref };

/** What one session wants; a dialect makes these from what it reads. `ref` comes back in the answer (native only). */
export type Command =
  | LoginCommand
  /**
   * To everybody in `room` (absent: the lobby). `to: "partner"` is for the partner of the private chat alone, and is refused
   * if there is none any more: a private word never reaches the room.
   */
  | {
      type: "say";
      text: string;
      n?: number | undefined;
      room?: string | undefined;
      to?: "partner" | undefined;
    }
  /** To the named people alone. `ALL` (any case) means the lobby. */
  | { type: "tell"; to: readonly string[]; text: string; n?: number | undefined }
  /** Who is in `room` (absent: the lobby): with `limit` a sorted page, else all in the order in which they came. */
  | {
      type: "names";
      room?: string | undefined;
      after?: string | undefined;
      limit?: number | undefined;
      ref?: Ref | undefined;
    }
  | { type: "rooms"; after?: string | undefined; limit: number; ref?: Ref | undefined }
  /** Enter a room beside those that the session is in; a room that it is in already is replayed from `since` on. */
  | {
      type: "join";
      room: string;
      since?: { epoch: string; seq: number } | undefined;
      ref?: Ref | undefined;
    }
  | { type: "part"; room: string; ref?: Ref | undefined }
  | { type: "rename"; name: string; ref?: Ref | undefined }
  | {
      type: "history";
      room?: string | undefined;
      before?: number | undefined;
      limit: number;
      ref?: Ref | undefined;
    }
  /** Ask for a private chat, answer who asked, end it. */
  | { type: "invite"; to: string; ref?: Ref | undefined }
  | { type: "accept"; ref?: Ref | undefined }
  | { type: "reject"; ref?: Ref | undefined }
  | { type: "leave"; ref?: Ref | undefined }
  /** List the shared folder; without `limit` the whole list. */
  | { type: "files"; after?: string | undefined; limit?: number | undefined; ref?: Ref | undefined }
  /** A line for the transfer service. */
  | { type: "transfer"; request: TransferRequest; ref?: Ref | undefined }
  /** open-chat's stop-and-wait download. */
  | { type: "download"; name: string }
  | { type: "ping"; ref?: Ref | undefined }
  /** An answer to a ping, or any line that only shows that somebody is there. */
  | { type: "alive" }
  /** The dialect answers by itself; `end` closes the connection after it, `log` is a line for the server's terminal. */
  | {
      type: "reply";
      text?: string | undefined;
      end?: boolean | undefined;
      log?: string | undefined;
    }
  /** What arrived can't be understood: the sender is told so. */
  | {
      type: "invalid";
      code: ErrorCode;
      message: string;
      ref?: Ref | undefined;
      n?: number | undefined;
      end?: boolean | undefined;
    }
  | { type: "quit" };

/** Enter under a name. An empty name is allowed with `assign`: the hub then names the session by its address. */
export type LoginCommand = {
  type: "login";
  name: string;
  /** The other name that a member gives itself (chat-room's `:NAME:`), shown where a dialect shows it. */
  alias?: string | undefined;
  assign?: boolean | undefined;
  /** Takes consecutive messages of one sender as one. */
  runs?: boolean | undefined;
  /** May look (people, rooms, files) but not talk, and has no name. */
  visitor?: boolean | undefined;
  /** The rooms to be in, each with the last `seq` that the client has; absent: the lobby. */
  rooms?: readonly { room: string; seq?: number | undefined }[] | undefined;
  /** Makes the session one that can come back; empty: the hub makes one up. */
  secret?: string | undefined;
  /** The log that those `seq` and the last private message that the client has are from. */
  since?: { epoch: string; mail?: number | undefined } | undefined;
};

/** A message in a room's log. `author` is the session that said it, 0 when it comes from the history. */
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

/** What everybody in a room hears; a dialect renders it once for all. `author` is the session that it is about. */
export type RoomEvent = Said | PresenceEvent;

export type PresenceEvent =
  | {
      type: "joined";
      room: string;
      name: string;
      alias: string | undefined;
      author: number;
    }
  | {
      type: "left";
      room: string;
      name: string;
      alias: string | undefined;
      reason: LeaveReason;
      author: number;
    }
  | { type: "renamed"; room: string; from: string; to: string; author: number };

/** A message for chosen recipients, numbered in the mailbox of each; 0 where the recipient has none. */
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

/** A room that a session is in: live messages go on after `seq`; `recovered`: all that it missed follows. */
export type RoomEntry = { room: string; seq: number; recovered: boolean };

/** What one session alone hears. */
export type PersonalEvent =
  /** The login went through. Each room's `joined` follows for everybody, the newcomer too. */
  | {
      type: "welcome";
      name: string;
      alias: string | undefined;
      secret: string;
      epoch: string;
      mail: number;
      n: number;
      /** Whether all missed private messages follow. */
      recovered: boolean;
      rooms: readonly RoomEntry[];
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
  /** To the sender of a private message that is in the log: whom it reached. */
  | { type: "sent"; to: readonly string[]; text: string; chat: boolean }
  /** Everything up to counter `n` is settled. `room` and `seq` are those of message `n`, if it was said in a room. */
  | { type: "ack"; n: number; room: string | undefined; seq: number | undefined }
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
  | ({ type: "entered"; epoch: string; ref: Ref | undefined } & RoomEntry)
  | { type: "parted"; room: string; ref: Ref | undefined }
  /** The asker's own rename went through (its rooms hear `renamed`). */
  | { type: "name"; name: string; ref: Ref | undefined }
  | { type: "history"; room: string; messages: readonly Said[]; ref: Ref | undefined }
  /** A missed message, replayed to a session that has come back. */
  | { type: "replay"; message: Said }
  | { type: "chat"; state: ChatState; with: string }
  /** The other of a private chat, asked or asking, has a new name, and shares no room in which that is heard. */
  | { type: "renamed"; from: string; to: string; chat: true }
  | {
      type: "files";
      files: readonly FileEntry[];
      next: string | undefined;
      ref: Ref | undefined;
    }
  /** A line of the transfer service. */
  | { type: "transfer"; message: TransferMessage }
  /** open-chat: the file can be asked for at this UDP port. */
  | { type: "download"; port: number; sizeBytes: number; name: string }
  /** Something that was asked for did not happen. `subject` is the name or value that it is about. */
  | {
      type: "error";
      code: ErrorCode;
      message: string;
      subject?: string | undefined;
      n?: number | undefined;
      retryAfterMs?: number | undefined;
      ref?: Ref | undefined;
    }
  | { type: "ping" }
  | { type: "pong"; ref: Ref | undefined }
  /** The server ends the connection and says why. */
  | { type: "bye"; reason: string; code?: "replaced" };

export type FileEntry = { name: string; sizeBytes: number; modifiedMs: number };
