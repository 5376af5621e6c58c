// The interface of the native session: what its driver (a TCP socket, a browser's WebSocket) does
// for it, and what its user (the terminal, the page) requests from it and receives. Types only.

import type {
  Access,
  AccountChanged,
  ClientMessage,
  MessageKind,
  OfferEnd,
  OfferMessage,
  RoomPoint,
  Sealed,
  ServerMessage,
} from "../protocol/messages.ts";

export type {
  AccountChangeKind,
  ChatState,
  LeaveReason,
  MessageKind,
  OfferContent,
  OfferEnd,
  OfferSummary,
} from "../protocol/messages.ts";

export type SessionOptions = {
  /** The session's name; undefined if it only lists and fetches files. */
  name: string | undefined;
  /** Without one: a name to prove, but not to take. */
  visitor?: string | undefined;
  /** The rooms to join from the first login on. `parted` reports those that are refused. */
  rooms: readonly string[];
  /**
   * 16 to 128 visible ASCII characters known to nobody else; reclaims the name after a lost
   * connection.
   */
  secret: string;
  /**
   * The read position of an earlier incarnation of this session (a reloaded page):
   * `NativeSession.position`.
   */
  since?: SessionPosition;
  /** The key of this device; undefined in a browser. */
  identity?: ClientIdentity | undefined;
  /** Proof of a registered name without a key. */
  proof?: NameProof | undefined;
  /** Credentials for a server that is not open to everybody. */
  access?: Access | undefined;
  /** The user accepts files that people offer. */
  takesFiles?: boolean | undefined;
  /** Names of people to ignore. */
  ignored?: readonly string[];
  /** Randomness for the back-off, 0 ≤ x < 1. */
  random: () => number;
};

/** A person's key on this device. */
export type ClientIdentity = {
  /** Ed25519 public key, in base64url. */
  readonly key: string;
  /** Signs the text's UTF-8; in base64url. */
  sign(text: string): string;
};

/** With `remember`, the password is exchanged for a token, which arrives in a `token` event. */
export type NameProof = { password: string; remember?: boolean } | { token: string };

/**
 * The position up to which a session has read; after a lost connection it requests what follows.
 */
export type SessionPosition = {
  /** Epoch of the log that the numbers belong to. */
  epoch: string;
  /** Number of the last private message. */
  mail: number;
  /** The rooms that the session is in, each with the `seq` of the last message read. */
  rooms: readonly RoomPoint[];
};

/**
 * Actions for the driver, in order. Call `pollOutputs()` after every other call, including the
 * user's. `start(now)` → `connect` → open a connection, then `handleConnected(now, channel)` or
 * `handleLost(why, now)`; `handleLine(line, now)` for every line (without its line end);
 * `handleLost(why, now)` when the connection ends by itself; `handleTimeout(now)` at
 * `nextTimeoutMs`. After `close`, close the connection and report nothing more about it.
 */
export type SessionOutput =
  | { type: "connect" }
  /** One line including its `\n`. Several consecutive lines may be sent in one write or frame. */
  | { type: "send"; line: string }
  | { type: "close" }
  | { type: "event"; event: SessionEvent };

/**
 * Events for the session's user. Texts and names are as the server sent them: make them `harmless`
 * before showing them on a terminal. A `room` is always in the server's spelling.
 */
export type SessionEvent =
  /** Logged in, for the first time or again (`returned`). */
  | {
      type: "online";
      name: string;
      rooms: readonly string[];
      returned: boolean;
      server: string;
      /** The name is registered, and this session belongs to its owner. */
      registered: boolean;
      /**
       * Access token for HTTP requests to the shared folder of a server that is not open to
       * everybody.
       */
      access?: string | undefined;
    }
  /** Proves the name from now on, replacing the password. */
  | { type: "token"; token: string }
  /**
   * The connection was lost (`attempt` 1) or could not be restored (2, 3, …); the next attempt is
   * in `retryMs`. `everOnline`: whether the session has ever been online.
   */
  | { type: "offline"; reason: string; retryMs: number; attempt: number; everOnline: boolean }
  /**
   * Reconnected. Everything missed has arrived (`recovered`) or is lost; `summary` is a one-line
   * report.
   */
  | {
      type: "reconnected";
      afterMs: number;
      caughtUp: number;
      recovered: boolean;
      summary: string;
    }
  /**
   * The session has ended: refused (`name-taken`, …), replaced, or left. Nothing follows. `code` is
   * one of errors.ts, or `left`.
   */
  | {
      type: "ended";
      code: string;
      message: string;
      /** The name has a password, with which a login is possible. */
      asksPassword?: boolean;
    }
  /** Answers `join`: now in the room. Not sent for the rooms in `online`. */
  | { type: "entered"; room: string }
  /** `join` was refused. Messages queued for that room fail. */
  | { type: "join-failed"; room: string; code: string; message: string }
  /**
   * No longer in the room: answers `part`, or the server did not readmit the session after a
   * reconnect, or somebody (`by`) has removed it, perhaps with a reason.
   */
  | { type: "parted"; room: string; by?: string | undefined; text?: string | undefined }
  /**
   * A message in a room. `mine`: under this session's name; `id`: what `say` returned, if this
   * session sent it.
   */
  | {
      type: "message";
      room: string;
      seq: number;
      timeMs: number;
      from: string;
      text: string;
      kind?: MessageKind | undefined;
      mine: boolean;
      id: number | undefined;
      replayed: boolean;
      /** An operator has deleted its text; `text` says so. */
      deleted?: boolean | undefined;
    }
  /** A private message for this session; `chat`: part of a private chat by consent. */
  | {
      type: "private";
      mail: number;
      timeMs: number;
      from: string;
      to: readonly string[];
      chat: boolean;
      text: string;
      kind?: MessageKind | undefined;
      replayed: boolean;
      /** As received, to be opened by `PrivateMessages`. Undefined: the server can read it. */
      sealed?: Sealed | undefined;
      /** Whose key it was sealed with, once opened, or why it can't be opened. */
      seal?: Seal | undefined;
    }
  /** A private message that the user has sent from another device. */
  | {
      type: "copied";
      mail: number;
      timeMs: number;
      to: readonly string[];
      /** If it is sealed: once opened by `PrivateMessages`. */
      text: string;
      kind?: MessageKind | undefined;
      replayed: boolean;
      sealed?: Sealed | undefined;
    }
  /**
   * All messages up to `id` are committed, except those that failed. `room` and `seq` locate
   * message `id`, if it was said in a room and its number is known.
   */
  | { type: "acknowledged"; id: number; room: string | undefined; seq: number | undefined }
  /** Message `id` was not sent and never will be. `room` is as passed to `say`. */
  | {
      type: "failed";
      id: number;
      room: string | undefined;
      text: string;
      code: string;
      message: string;
    }
  /** The server no longer has messages `from` to `to` of the room. */
  | { type: "gap"; room: string; from: number; to: number }
  /** As the server says it, with this session's spelling of the room. */
  | Told<"joined" | "left" | "away" | "mode" | "call" | "chat" | "topic" | "deleted" | "motd">
  /**
   * Sent once for each shared room; `room` is undefined for a private-chat partner in no shared
   * room.
   */
  | { type: "renamed"; room: string | undefined; from: string; to: string }
  | AccountChanged
  /** Files between two people. */
  | { type: "offer"; about: OfferEvent }
  /** Answers a request. */
  | { type: "response"; ref: number; response: SessionResponse }
  /**
   * A request failed; without `ref` the error does not answer a request. `subject`: the name or
   * value at fault.
   */
  | {
      type: "error";
      code: string;
      message: string;
      ref: number | undefined;
      subject: string | undefined;
      /** Of another server, as `HOST:PORT`. */
      at?: string | undefined;
    };

/** Events about files between two people; `offer` is the ID chosen by the sender. */
export type OfferEvent = Extract<
  OfferMessage,
  { type: "offered" | "channel" | "channel-lost" | "passed" | "offer-ended" }
>;

type Told<Type extends ServerMessage["type"]> = Extract<ServerMessage, { type: Type }>;

/** Messages of the native protocol without their `ref`, which the session adds. */
type Request<Type extends ClientMessage["type"]> = WithoutRef<
  Extract<ClientMessage, { type: Type }>
>;
export type WithoutRef<Message> = Message extends unknown ? Omit<Message, "ref"> : never;

/** `after` continues from a response's `next`. */
export type SessionRequest =
  | Request<"who" | "rooms" | "history" | "search" | "files" | "rename" | "admin">
  | AccountRequest
  | VouchRequest
  | ChatRequest
  | OfferRequest
  /** Files by code: leads to a channel. Must be repeated after each lost connection. */
  | Request<"join-code">;

/**
 * Files for a person. Accepting or declining leads to an `OfferEvent`, or to an `error`. An `offer`
 * must be repeated after each lost connection.
 */
export type OfferRequest = Request<"offer-files" | "share-files" | "upload" | "answer-files">;

/**
 * Registers a name, and manages it. Without `password`, `set-password` removes the password;
 * `remember` requests a token, which arrives in a `token` event.
 */
export type AccountRequest = Request<
  "register" | "set-password" | "devices" | "device-code" | "link" | "keys" | "revoke"
>;

/** Private chat by consent. Leads to a `chat` event, or to an `error` without `ref`. */
export type ChatRequest = Request<"invite" | "accept" | "reject" | "leave">;

/** This device vouches for another one of the same account. Not answered. */
export type VouchRequest = Request<"vouch">;

/** Answers of the native protocol, and what the session makes of some of them. */
export type SessionResponse =
  | WithoutRef<
      Told<
        | "names"
        | "rooms"
        | "name"
        | "device-code"
        | "keys"
        | "admin"
        | "linked"
        | "sharing"
        | "code-joined"
      >
    >
  | {
      type: "history";
      room: string;
      messages: readonly PastMessage[];
      /** The first number on the page, whose message may be of somebody who is ignored. */
      oldest?: number | undefined;
    }
  /** Messages before `next` have not been searched; undefined if all have been. */
  | {
      type: "found";
      room: string;
      messages: readonly PastMessage[];
      next: number | undefined;
    }
  | { type: "files"; files: readonly FileEntry[]; next: string | undefined }
  | { type: "registered"; name: string }
  | { type: "password-set"; isSet: boolean }
  | { type: "devices"; devices: readonly ListedDevice[] }
  /** `online`: the person is connected, but only with clients that accept no files. */
  | { type: "offering"; offer: string; here: boolean; online: boolean }
  /** Where to send a file for the shared folder by HTTP: a path on the page's port. */
  | { type: "upload"; path: string; from: number };

/** A device of the session's account. */
export type ListedDevice = {
  key: string;
  label: string;
  usedMs: number;
  /** When it was revoked; undefined if it may log in. */
  revokedMs: number | undefined;
  isOwn: boolean;
};

/**
 * `verified`, `unverified`: sealed with a known key of the sender; `changed`: with an unknown one.
 * `unopened`: there is no text, and `reason` explains why.
 */
export type Seal =
  { state: "verified" | "unverified" | "changed" } | { state: "unopened"; reason: string };

export type PastMessage = {
  seq: number;
  timeMs: number;
  from: string;
  text: string;
  /** Undefined: ordinary speech. */
  kind?: MessageKind | undefined;
  /** An operator has deleted its text; `text` says so. */
  deleted?: boolean | undefined;
};

export type FileEntry = { name: string; sizeBytes: number; modifiedMs: number };

/**
 * `sealed`: replaces the text; for one recipient only. `copies`: the same for the user's own other
 * devices.
 */
export type HowToTell = {
  kind?: MessageKind | undefined;
  sealed?: Sealed | undefined;
  copies?: Sealed["boxes"] | undefined;
};

/** Why `say`, `tell` or `sayToPartner` did not accept a message. */
export type Unsayable =
  | "too-long"
  | "too-many-lines"
  | "queue-full"
  | "ended"
  | "no-recipient"
  | "not-in-room"
  | "no-partner";

/** What a driver calls. `ClientSession` (session.ts) implements it. */
export interface DrivenSession {
  start(nowMs: number): void;
  /** `channel`: the binding of the TLS channel (tls/channel-binding.ts); undefined without TLS. */
  handleConnected(nowMs: number, channel?: string): void;
  handleLine(line: string, nowMs: number): void;
  handleLost(reason: string, nowMs: number): void;
  handleTimeout(nowMs: number): void;
  /** When `handleTimeout` must be called; undefined: never. */
  readonly nextTimeoutMs: number | undefined;
  /** The actions to carry out now, in order. The caller owns the list. */
  pollOutputs(): SessionOutput[];
  /** The network may have changed: reconnects if the server does not answer soon. */
  checkAlive(nowMs: number): void;
  /**
   * While the driver does not read (back-pressure), the absence of input says nothing about the
   * server.
   */
  setPaused(paused: boolean, nowMs: number): void;
  /** Ends the session for good because of the connection: the server is not the expected one. */
  fail(code: string, message: string): void;
  /** Sends `bye` and ends. */
  leave(): void;
}

/** Names of ignored people. */
export interface IgnoreList {
  readonly names: readonly string[];
  /** False if there are too many. */
  add(name: string): boolean;
  /** False if nobody of that name was ignored. */
  remove(name: string): boolean;
}

/** A session as its user sees it. */
export interface NativeSession extends DrivenSession {
  readonly name: string | undefined;
  readonly online: boolean;
  /** Ignored people, for as long as this session lives. */
  readonly ignored: IgnoreList;
  /** The rooms that the session is in (`join` was answered), in order of entry. */
  readonly rooms: readonly string[];
  /** The topic of a room, and the message of the day; empty if there is none. */
  topicOf(room: string): string;
  readonly motd: string;
  /** The current private-chat partner. */
  readonly partner: string | undefined;
  /**
   * Queues a message to a room that the session is in or has asked to join. It is sent as soon as
   * possible, and resent after a lost connection. Returns its `id`. Never reaches a private-chat
   * partner: see `sayToPartner`.
   */
  say(room: string, text: string, kind?: MessageKind): number | Unsayable;
  tell(to: readonly string[], text: string, how?: HowToTell): number | Unsayable;
  /** Sends only to the private-chat partner; never reaches a room, even if the chat ends first. */
  sayToPartner(text: string, kind?: MessageKind): number | Unsayable;
  /**
   * Joins another room: `entered` or `join-failed` follows, unless the session is already in it.
   * The membership survives lost connections. `key`: of a room that asks for one.
   */
  join(room: string, key?: string): void;
  /** Leaves a room: `parted` follows immediately, and unsent messages to the room fail. */
  part(room: string): void;
  /**
   * Sends a request and returns the ref that its `response` or `error` will carry. Undefined if
   * offline or if too many requests are open.
   */
  request(request: SessionRequest): number | undefined;
  /**
   * Sends a frame, in base64, through a channel of an offer. It is lost if the session is offline.
   */
  pass(offer: string, channel: number, data: string): void;
  /** Ends an offer that was made or accepted. */
  endOffer(offer: string, reason: OfferEnd): void;
  /** Maximum length of a text that the server accepts, in UTF-16 code units. */
  readonly textChars: number;
  /** Number of unacknowledged messages. */
  readonly unacknowledged: number;
  /** How many more messages `say` accepts now. */
  readonly space: number;
  /**
   * To be stored together with the secret for a later incarnation of this session; undefined before
   * the first login.
   */
  readonly position: SessionPosition | undefined;
}
