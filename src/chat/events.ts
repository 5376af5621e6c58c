// The vocabulary between hub and dialects: commands go in, events come out. Knows no dialect and no
// wire format.

import type { ErrorCode } from "../errors.ts";
import type { PeopleAnswer, PeopleCommand } from "./people/people-events.ts";
import type { Persona, RoomRank, ShownPerson } from "./people/persona.ts";
import type { PrivateMessage } from "./private/private-message.ts";
import type { RoomChange } from "./rooms/room-change.ts";
import type { RoomAnswer, RoomCommand } from "./rooms/room-events.ts";
import type { Said } from "./rooms/said.ts";
import type { RefusedNumbers } from "./turn/refused-numbers.ts";
import type { Vouch } from "../trust/device-vouch.ts";
import type {
  AccountChanged,
  AccountRequest,
  AdminRow,
  ByeCode,
  ChatState,
  LeaveReason,
  MessageKind,
  CallRequest,
  CodeOfferRequest,
  OfferMessage,
  OfferRequest,
  PassRequest,
  PrivateChatRequest,
  Ref,
  RegistryRequest,
  RoomEntry,
  Sealed,
  TransferMessage,
  TransferRequest,
} from "../protocol/messages.ts";

export type { PrivateMessage } from "./private/private-message.ts";
export type { Said } from "./rooms/said.ts";
export type { ChatState, LeaveReason, MessageKind, Ref };

/** A session's request, as parsed by its dialect. `ref` is echoed in the answer (native only). */
export type Command =
  | LoginCommand
  | AccountRequest
  /** A person's answer to a `question`. Neither shown to anybody nor logged. */
  | { type: "answer"; text: string }
  /**
   * To everybody in `room` (default: the lobby). `to: "partner"` addresses only the private-chat
   * partner and is refused if there is none: a private message must never reach the room.
   */
  | {
      type: "say";
      text: string;
      kind?: MessageKind | undefined;
      /** Client-only tags of IRC, which are relayed to IRC clients and not stored. */
      tags?: string | undefined;
      n?: number | undefined;
      room?: string | undefined;
      to?: "partner" | undefined;
      /** Only in dialects that want an `echo` of their own messages. */
      ref?: Ref | undefined;
    }
  /** Only to the named people. `ALL` (in any case) means the lobby. */
  | {
      type: "tell";
      to: readonly string[];
      /** Empty if the message is sealed. */
      text: string;
      kind?: MessageKind | undefined;
      sealed?: Sealed | undefined;
      /** For the sender's own other devices. */
      copies?: Sealed["boxes"] | undefined;
      tags?: string | undefined;
      n?: number | undefined;
      ref?: Ref | undefined;
    }
  | PeopleCommand
  | RoomCommand
  /**
   * Lists the members of `room` (default: the lobby): a sorted page with `limit`, otherwise all in
   * order of arrival.
   */
  | {
      type: "names";
      room?: string | undefined;
      after?: string | undefined;
      limit?: number | undefined;
      ref?: Ref | undefined;
    }
  | { type: "rooms"; after?: string | undefined; limit: number; ref?: Ref | undefined }
  /**
   * Joins another room. If the session is already in the room, messages after `since` are replayed.
   */
  | {
      type: "join";
      room: string;
      since?: { epoch: string; seq: number } | undefined;
      /** The key that the room requires. */
      key?: string | undefined;
      ref?: Ref | undefined;
    }
  | { type: "part"; room: string; text?: string | undefined; ref?: Ref | undefined }
  | { type: "rename"; name: string; ref?: Ref | undefined }
  | {
      type: "history";
      room?: string | undefined;
      before?: number | undefined;
      limit: number;
      ref?: Ref | undefined;
    }
  /** Searches the history of `room` (default: the lobby), newest first. */
  | {
      type: "search";
      room?: string | undefined;
      text: string;
      before?: number | undefined;
      limit: number;
      ref?: Ref | undefined;
    }
  | PrivateChatRequest
  /**
   * The request of a program that shows an access token and is in no room: says something in a
   * room, or reads its history.
   */
  | {
      type: "post";
      accessToken: string;
      room: string;
      text: string;
      kind?: MessageKind | undefined;
    }
  | {
      type: "read";
      accessToken: string;
      room: string;
      after?: number | undefined;
      before?: number | undefined;
      limit: number;
      /** Refused as well if the token's name may not speak there. */
      isToSpeak?: boolean | undefined;
    }
  /** Logs in with the token's name to listen to one room. */
  | {
      type: "listen";
      accessToken: string;
      room: string;
      since?: { epoch: string; seq: number } | undefined;
    }
  /** Lists the shared folder, completely if there is no `limit`. */
  | {
      type: "files";
      after?: string | undefined;
      limit?: number | undefined;
      /** Includes folders; their names end with a "/". */
      folders?: boolean | undefined;
      ref?: Ref | undefined;
    }
  /** A request to the transfer service. */
  | { type: "transfer"; request: TransferRequest; ref?: Ref | undefined }
  | OfferRequest
  | CodeOfferRequest
  | CallRequest
  | RegistryRequest
  | PassRequest
  /** open-chat's stop-and-wait download. */
  | { type: "download"; name: string }
  /** An operator command (admin/admin-command.ts). */
  | { type: "admin"; line: string; ref?: Ref | undefined }
  | { type: "ping"; ref?: Ref | undefined }
  /** Shows that the client is alive, for example a pong. Requires no action. */
  | { type: "alive" }
  /**
   * The dialect answers by itself. `end` closes the connection afterwards; `log` is printed on the
   * server's terminal.
   */
  | {
      type: "reply";
      text?: string | undefined;
      end?: boolean | undefined;
      log?: string | undefined;
      /** The `Dialect.variant` that the client uses from now on. */
      variant?: string | undefined;
      /** Also sent to a client over its rate, which would otherwise give the connection up. */
      isPong?: true;
    }
  /** Input that can't be parsed; the sender gets an error. */
  | {
      type: "invalid";
      code: ErrorCode;
      message: string;
      ref?: Ref | undefined;
      n?: number | undefined;
      end?: boolean | undefined;
    }
  /** `forget`: invalidates the token that the session has logged in with or been given. */
  | { type: "quit"; forget?: boolean | undefined; text?: string | undefined };

/** What a message requests: sometimes several things, in order. */
export type Received = Command | { type: "sequence"; commands: readonly Command[] };

/** `seq`: the last that the client has; `key`: for a room that has one. */
export type RoomAsked = { seq?: number | undefined; key?: string | undefined };

/** Logs in. With `assign` the name may be empty; the session is then named after its address. */
export type LoginCommand = {
  type: "login";
  name: string;
  /** chat-room's `:NAME:`, shown in dialects with aliases. */
  alias?: string | undefined;
  assign?: boolean | undefined;
  /** The client accepts runs of messages in one line. */
  runs?: boolean | undefined;
  /**
   * May list and fetch files, but is in no room and can't send messages. The name, if any, is
   * proved but not taken.
   */
  visitor?: boolean | undefined;
  /** The rooms to join, each with the last `seq` the client has; default: the lobby. */
  rooms?: readonly ({ room: string } & RoomAsked)[] | undefined;
  /** The server password. */
  serverPassword?: string | undefined;
  /** The code of a pass. */
  pass?: string | undefined;
  /** Makes the session resumable; if empty, the hub generates a secret. */
  secret?: string | undefined;
  /**
   * The epoch that the `seq` numbers belong to, and the last private message that the client has.
   */
  since?: { epoch: string; mail?: number | undefined } | undefined;
  /** The key of its device; without a signature the hub requests one. */
  identity?: { key: string; signature?: string | undefined } | undefined;
  /** Proof of a registered name: its password, or a session token issued for the password. */
  password?: string | undefined;
  token?: string | undefined;
  /** Requests such a token for the password. */
  remember?: boolean | undefined;
  /** The client accepts files that people offer. */
  takesFiles?: boolean | undefined;
  /** The client shows what its user has sent to people from elsewhere, not sealed. */
  copies?: boolean | undefined;
  /** The client has shown an access token: its account, and its hash. */
  bearer?: { account: string; token: string } | undefined;
  /** What the client says about its user. */
  user?: string | undefined;
  realName?: string | undefined;
};

/**
 * Received by everybody in a room, rendered once per dialect. `author` is the session it is about.
 */
export type RoomEvent = Said | PresenceEvent;

/**
 * `once`: an event about a person in several rooms has one number, other than 0, so that dialects
 * that report it without naming the room tell each member only once.
 */
type About = {
  room: string;
  author: number;
  persona?: Persona | undefined;
  once?: number;
  /** Unix milliseconds. */
  timeMs?: number;
};

export type PresenceEvent =
  /** `rank`: in the room, if any. */
  | ({ type: "joined"; name: string; alias: string | undefined; rank?: RoomRank } & About)
  | ({
      type: "left";
      name: string;
      alias: string | undefined;
      reason: LeaveReason;
      /** Who removed them, if not the server. */
      by?: ShownPerson | undefined;
      /** The parting message, or the reason given for the removal. */
      text?: string | undefined;
    } & About)
  | ({ type: "renamed"; from: string; to: string } & About)
  /** Somebody changed what they say about themselves. `away` undefined: no longer away. */
  | ({ type: "away"; name: string; away: string | undefined } & About)
  | ({ type: "account"; name: string } & About)
  | ({ type: "real-name"; name: string } & About)
  /** An operator of the room changed its modes. */
  | ({ type: "mode"; by: string; changes: readonly RoomChange[] } & About)
  /** A member has invited somebody. */
  | ({ type: "invited"; by: string; name: string } & About)
  /** Tags without a text, for example a typing notification. Not stored. */
  | ({ type: "signal"; from: string; tags: string; id: number } & About);

/** Received by one session only. */
export type PersonalEvent =
  /** The login succeeded. A `joined` per room follows for everybody, the new member included. */
  | {
      type: "welcome";
      name: string;
      alias: string | undefined;
      secret: string;
      epoch: string;
      mail: number;
      n: number;
      /** Those of the last numbers up to `n` whose messages were refused. */
      refused?: RefusedNumbers | undefined;
      /** Whether every missed private message will be replayed. */
      recovered: boolean;
      rooms: readonly RoomEntry[];
      /** The name is registered to the session's owner. */
      registered?: boolean | undefined;
      /** Proves the name from now on instead of the password; undefined if none was issued. */
      token?: string | undefined;
      /**
       * Access token for HTTP requests to the shared folder of a server that is not open to
       * everybody.
       */
      access?: string | undefined;
      persona?: Persona | undefined;
    }
  | PeopleAnswer
  | RoomAnswer
  /** Requests a signature over `nonce` (trust/login-proof.ts). */
  | { type: "challenge"; nonce: string }
  /** Answers `register`. */
  | { type: "registered"; name: string; token: string | undefined; ref: Ref | undefined }
  /** Answers `set-password`. */
  | { type: "password-set"; isSet: boolean; token: string | undefined; ref: Ref | undefined }
  /** Answers `devices` and `revoke`. */
  | { type: "devices"; devices: readonly DeviceEntry[]; ref: Ref | undefined }
  /** Answers `device-code`. */
  | { type: "device-code"; code: string; seconds: number; ref: Ref | undefined }
  /** Answers `keys`. */
  | {
      type: "keys";
      name: string;
      registered: boolean;
      keys: readonly string[];
      vouches?: readonly Vouch[] | undefined;
      ref: Ref | undefined;
    }
  /** Answers `link`: the name to log in with. */
  | { type: "linked"; name: string; ref: Ref | undefined }
  /** Asks a person for a secret before the login continues; only if `Dialect.asks`. */
  | { type: "question"; text: string }
  /** The login failed; the dialect decides whether the client may try again. */
  | {
      type: "refused";
      code: ErrorCode;
      name: string;
      message: string;
      retryAfterMs?: number | undefined;
      /** The name has a password, with which a login is possible. */
      asksPassword?: boolean | undefined;
    }
  | PrivateMessage
  /** Confirms a committed private message to its sender, with its recipients. */
  | {
      type: "sent";
      to: readonly string[];
      text: string;
      kind?: MessageKind | undefined;
      chat: boolean;
      timeMs: number;
      id: number;
      tags?: string | undefined;
      /** Which of them are away, and their away messages. */
      away: readonly { name: string; text: string }[];
      ref?: Ref | undefined;
    }
  /**
   * Everything up to counter `n` is settled. `room` and `seq` locate message `n` if it was said in
   * a room.
   */
  | { type: "ack"; n: number; room: string | undefined; seq: number | undefined }
  | {
      type: "names";
      room: string;
      /** Including the requester's name. */
      names: readonly string[];
      total: number;
      next: string | undefined;
      ref: Ref | undefined;
    }
  | {
      type: "rooms";
      rooms: readonly { room: string; members: number; topic: string }[];
      next: string | undefined;
      ref: Ref | undefined;
    }
  | ({ type: "entered"; epoch: string; ref: Ref | undefined } & RoomEntry)
  | {
      type: "parted";
      room: string;
      /** Who removed the session. */
      by?: ShownPerson | undefined;
      text?: string | undefined;
      ref: Ref | undefined;
    }
  /** The session's own rename succeeded (its rooms get `renamed`). */
  | { type: "name"; name: string; ref: Ref | undefined }
  | { type: "history"; room: string; messages: readonly Said[]; ref: Ref | undefined }
  /** Messages before `next` have not been searched. `scannedChars`: how much was read for it. */
  | {
      type: "found";
      room: string;
      messages: readonly Said[];
      next: number | undefined;
      scannedChars: number;
      ref: Ref | undefined;
    }
  /** A missed message, replayed to a returning session. */
  | { type: "replay"; message: Said }
  | { type: "chat"; state: ChatState; with: string }
  /**
   * A private-chat partner, or the other side of an invitation, was renamed and shares no room with
   * the session.
   */
  | { type: "renamed"; from: string; to: string; chat: true }
  | {
      type: "files";
      files: readonly FileEntry[];
      next: string | undefined;
      ref: Ref | undefined;
    }
  /** A message of the transfer service. */
  | { type: "transfer"; message: TransferMessage }
  /** Files for a person. */
  | OfferMessage
  /** The registry's answer: a CPP message. */
  | { type: "registry"; answer: string; ref: Ref | undefined }
  /**
   * Somebody offers files, which none of this person's clients can take. `bytes`: undefined if only
   * the two can know.
   */
  | { type: "files-wait"; from: string; bytes: number | undefined }
  /** open-chat: the file can be requested at this UDP port. */
  | { type: "download"; port: number; sizeBytes: number; name: string }
  /** A request failed. `subject` is the name or value at fault. */
  | {
      type: "error";
      code: ErrorCode;
      message: string;
      subject?: string | undefined;
      /** The address of another server (protocol/messages.ts). */
      at?: string | undefined;
      n?: number | undefined;
      retryAfterMs?: number | undefined;
      ref?: Ref | undefined;
      /** Part of a request failed; its answer follows. */
      isPartial?: boolean | undefined;
    }
  /**
   * The topic of the room; empty if removed. `by`: who has just set it; undefined when it is sent
   * on entering.
   */
  | {
      type: "topic";
      room: string;
      topic: string;
      by?: ShownPerson | undefined;
    }
  /** An operator deleted the text of a message. */
  | { type: "deleted"; room: string; seq: number }
  /** The message of the day; may have several lines. */
  | { type: "motd"; text: string; ref?: Ref | undefined }
  | AccountChanged
  /** Answers an operator command. */
  | {
      type: "admin";
      message: string | undefined;
      rows: readonly AdminRow[];
      ref: Ref | undefined;
    }
  | { type: "ping" }
  | { type: "pong"; ref: Ref | undefined; time: number }
  /** The server closes the connection and says why. */
  | { type: "bye"; reason: string; code?: ByeCode };

/** A device of an account. */
export type DeviceEntry = {
  key: string;
  label: string;
  addedMs: number;
  usedMs: number;
  /** When it was revoked; undefined if it may log in. */
  revokedMs: number | undefined;
  /** It is the device of this session. */
  isOwn: boolean;
};

export type FileEntry = { name: string; sizeBytes: number; modifiedMs: number };
