// The interface of the native session: what its driver (a TCP socket, a browser's WebSocket) does
// for it, and what its user (the terminal, the page) asks of it and receives from it. Types only.

import type { Vouch } from "../trust/device-vouch.ts";
import type {
  Access,
  AccountChangeKind,
  AdminRow,
  ChatState,
  FileInfo,
  LeaveReason,
  MessageKind,
  ChannelEnds,
  OfferContent,
  OfferEnd,
  OfferSummary,
  RoomPoint,
  Sealed,
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
  /** The session's name; undefined for one that only lists and fetches files. */
  name: string | undefined;
  /** The rooms to join from the first login on, which fails if one of them is refused. */
  rooms: readonly string[];
  /**
   * 16 to 128 visible ASCII characters, known to nobody else: reclaims the name after a lost
   * connection.
   */
  secret: string;
  /**
   * How far an earlier life of this session (a reloaded page) had read: `NativeSession.position`.
   */
  since?: SessionPosition;
  /** The key of this device; undefined in a browser. */
  identity?: ClientIdentity | undefined;
  /** Proves a registered name without a key. */
  proof?: NameProof | undefined;
  /** For a server that is not open to all. */
  access?: Access | undefined;
  /** Its user takes files that people offer. */
  takesFiles?: boolean | undefined;
  /** Names of people who are not to be heard. */
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

/** With `remember` the password is exchanged for a token, which a `token` event brings. */
export type NameProof = { password: string; remember?: boolean } | { token: string };

/** How far a session has read; after a lost connection it asks for what follows. */
export type SessionPosition = {
  /** The log that the numbers belong to. */
  epoch: string;
  /** Number of the last private message. */
  mail: number;
  /** The rooms that the session is in, each with the `seq` of the last message read. */
  rooms: readonly RoomPoint[];
};

/**
 * What the driver has to do, in order. Call `pollOutputs()` after every other call, including the
 * user's.
 * `start(now)` → `connect` → open a connection, then `handleConnected(now, channel)` or `handleLost(why,
 * now)`; `handleLine(line, now)` for every line (without its line end); `handleLost(why, now)` when
 * the connection ends by itself; `handleTimeout(now)` at `nextTimeoutMs`. After `close`, close the
 * connection and report nothing more about it.
 */
export type SessionOutput =
  | { type: "connect" }
  /** One line with its `\n`. Several in a row may be sent in one write or frame. */
  | { type: "send"; line: string }
  | { type: "close" }
  | { type: "event"; event: SessionEvent };

/**
 * What the session's user receives. Texts and names are as the server sent them: make them
 * `harmless` before a terminal shows them. A `room` is always in the server's spelling.
 */
export type SessionEvent =
  /** Logged in, for the first time or again (`returned`). */
  | {
      type: "online";
      name: string;
      rooms: readonly string[];
      returned: boolean;
      server: string;
      /** The name is registered, and this session its owner's. */
      registered: boolean;
      /** For HTTP requests to the shared folder of a server that is not open to all. */
      access?: string | undefined;
    }
  /** Proves the name from now on in place of a password. */
  | { type: "token"; token: string }
  /**
   * The connection was lost (`attempt` 1) or could not be restored (2, 3, …); the next attempt is
   * in `retryMs`. `everOnline`: whether there has ever been one.
   */
  | { type: "offline"; reason: string; retryMs: number; attempt: number; everOnline: boolean }
  /**
   * Reconnected, and everything missed has arrived (`recovered`) or is lost. `summary` says so in
   * one line.
   */
  | {
      type: "reconnected";
      afterMs: number;
      caughtUp: number;
      recovered: boolean;
      summary: string;
    }
  /**
   * The session is over: refused (`name-taken`, …), replaced, or left. Nothing follows. `code` is
   * one of errors.ts, or `left`.
   */
  | {
      type: "ended";
      code: string;
      message: string;
      /** The name has a password, which would do. */
      asksPassword?: boolean;
    }
  /** Answers `join`: now in the room. Not sent for the rooms in `online`. */
  | { type: "entered"; room: string }
  /** `join` was refused. Messages queued for that room fail. */
  | { type: "join-failed"; room: string; code: string; message: string }
  /** No longer in the room: answers `part`, or the server did not let the session back in. */
  | { type: "parted"; room: string }
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
    }
  /** For this session alone; `chat`: within a private chat by consent. */
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
      /** As it came: `PrivateMessages` opens it. Undefined: the server can read it. */
      sealed?: Sealed | undefined;
      /** Whose key it was sealed with, once it is opened, or why it can't be. */
      seal?: Seal | undefined;
    }
  /**
   * All messages up to `id` are committed, except those that failed. `room` and `seq` locate
   * message `id`, if it was said in a room and its number is known.
   */
  | { type: "acknowledged"; id: number; room: string | undefined; seq: number | undefined }
  /** Message `id` was not sent and never will be. `room` is as given to `say`. */
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
  | { type: "joined"; room: string; name: string }
  | { type: "left"; room: string; name: string; reason: LeaveReason }
  /** Sent once for each shared room; without `room`: a private-chat partner who shares none. */
  | { type: "renamed"; room: string | undefined; from: string; to: string }
  /** Without a text, they are back. */
  | { type: "away"; room: string; name: string; text?: string | undefined }
  /** The room's operators have decided something: `+o Ann`. */
  | { type: "mode"; room: string; by: string; change: string }
  /** Somebody invites us into a room. */
  | { type: "call"; room: string; from: string }
  | { type: "chat"; state: ChatState; with: string }
  /** What the room is about, when it is entered and when that changes; empty: nothing any more. */
  | { type: "topic"; room: string; topic: string }
  /** An operator has taken the text of message `seq` away. */
  | { type: "deleted"; room: string; seq: number }
  /** What everybody is told on entering the server. */
  | { type: "motd"; text: string }
  /** Another session has changed the account. `device`: what the device is called. */
  | {
      type: "account-changed";
      change: AccountChangeKind;
      device: string;
      /** Of a device that was added, and what it has authenticated its key with. */
      key?: string | undefined;
      proof?: string | undefined;
    }
  /** Files from a person to a person. */
  | { type: "offer"; about: OfferEvent }
  /** Answers a request. */
  | { type: "response"; ref: number; response: SessionResponse }
  /**
   * A request failed; without `ref` it belongs to no request. `subject`: the name or value at
   * fault.
   */
  | {
      type: "error";
      code: string;
      message: string;
      ref: number | undefined;
      subject: string | undefined;
    };

/** Files from a person to a person; `offer` is the number that its sender has chosen. */
export type OfferEvent =
  /** Somebody offers files; again, with the same number, after a connection was lost. */
  | ({ type: "offered"; offer: string; from: string } & OfferContent)
  /** Frames with this number reach the other end, which has proved to have this key, if any. */
  | ({ type: "channel"; offer: string; channel: number } & ChannelEnds)
  /** The channel is closed; there may be another one. */
  | { type: "channel-lost"; offer: string; channel: number }
  /** A frame has come, in base64. */
  | { type: "passed"; offer: string; channel: number; data: string }
  /** Of files for the shared folder, what is there now, or why it is not. */
  | {
      type: "offer-ended";
      offer: string;
      reason: OfferEnd;
      files?: readonly FileInfo[] | undefined;
      code?: string | undefined;
      message?: string | undefined;
    };

/** What can be requested. `after` continues from a response's `next`. */
export type SessionRequest =
  | { type: "who"; room: string; after?: string }
  | { type: "rooms"; after?: string }
  | { type: "history"; room: string; limit: number; before?: number }
  | { type: "search"; room: string; text: string; limit: number; before?: number }
  /** `folders`: those, too, with a "/" behind their names. */
  | { type: "files"; after?: string; folders?: boolean }
  | { type: "rename"; name: string }
  /** An order of an operator. */
  | { type: "admin"; command: string }
  | AccountRequest
  | VouchRequest
  | ChatRequest
  | OfferRequest
  /** Files by a code: leads to a channel. To be sent again after each lost connection. */
  | { type: "join-code"; offer: string; number: number };

/**
 * Files for a person. Accepting or declining leads to an `OfferEvent`, or to an `error`. `offer` is
 * to be made again after each lost connection.
 */
export type OfferRequest =
  | ({ type: "offer-files"; offer: string; to: string } & OfferContent)
  /** For the shared folder; `room`: who is told. */
  | { type: "share-files"; offer: string; room?: string; summary: OfferSummary }
  /** Asks where to send a file for the shared folder by HTTP. */
  | { type: "upload"; name: string; size: number; room?: string }
  | { type: "answer-files"; offer: string; accept: boolean };

/**
 * Registering a name, and what its owner does with it. Without `password`, `set-password` takes it
 * away; `remember` asks for a token, which a `token` event brings.
 */
export type AccountRequest =
  | { type: "register"; label: string; password?: string; remember?: boolean }
  | { type: "set-password"; password?: string; remember?: boolean }
  | { type: "devices" }
  | { type: "device-code" }
  | { type: "link"; code: string; label: string; proof?: string }
  | { type: "keys"; name: string }
  | { type: "revoke"; key: string };

/** Private chat by consent. Leads to a `chat` event, or to an `error` without `ref`. */
export type ChatRequest =
  { type: "invite"; to: string } | { type: "accept" } | { type: "reject" } | { type: "leave" };

/** This device vouches for another one of the same account. Leads to no answer. */
export type VouchRequest = { type: "vouch"; key: string; signature: string };

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
  /** Messages before `next` have not been searched; undefined: all have. */
  | {
      type: "found";
      room: string;
      messages: readonly PastMessage[];
      next: number | undefined;
    }
  | { type: "files"; files: readonly ListedFile[]; next: string | undefined }
  | { type: "name"; name: string }
  | { type: "registered"; name: string }
  | { type: "password-set"; isSet: boolean }
  | { type: "devices"; devices: readonly ListedDevice[] }
  | { type: "device-code"; code: string; seconds: number }
  | {
      type: "keys";
      name: string;
      registered: boolean;
      keys: readonly string[];
      /** Which of them other devices vouch for. */
      vouches?: readonly Vouch[] | undefined;
    }
  | { type: "admin"; message: string | undefined; rows: readonly AdminRow[] }
  | { type: "linked"; name: string }
  /** `here`: a client that takes files has been told. */
  | { type: "offering"; offer: string; here: boolean }
  /** Where a file for the shared folder is to be sent by HTTP: a path at the page's port. */
  | { type: "upload"; path: string }
  /** The server takes files into the shared folder. */
  | { type: "sharing"; offer: string }
  /** `here`: the sender of the files is connected. */
  | { type: "code-joined"; offer: string; here: boolean };

/** A device of the session's account. */
export type ListedDevice = {
  key: string;
  label: string;
  usedMs: number;
  /** Undefined: it may log in. */
  revokedMs: number | undefined;
  isOwn: boolean;
};

/**
 * `verified`, `unverified`: by a key of the sender's that is known; `changed`: by another key than
 * those. `unopened`: there is no text, and `reason` says why.
 */
export type Seal =
  { state: "verified" | "unverified" | "changed" } | { state: "unopened"; reason: string };

export type PastMessage = {
  seq: number;
  timeMs: number;
  from: string;
  text: string;
  /** Undefined: simply said. */
  kind?: MessageKind | undefined;
};

export type ListedFile = { name: string; sizeBytes: number; modifiedMs: number };

/** `sealed`: in place of the text, for one person. */
export type HowToTell = { kind?: MessageKind | undefined; sealed?: Sealed | undefined };

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
  /** What to do now, in order. The caller owns the list. */
  pollOutputs(): SessionOutput[];
  /** The network may be another one: a server that does not answer soon is connected to anew. */
  checkAlive(nowMs: number): void;
  /** While the driver does not read (back-pressure), silence of the server means nothing. */
  setPaused(paused: boolean, nowMs: number): void;
  /** Ends for good, because of the connection: the server is not the one that is meant. */
  fail(code: string, message: string): void;
  /** Says `bye` and ends. */
  leave(): void;
}

/** Names of people who are not heard. */
export interface IgnoreList {
  readonly names: readonly string[];
  /** False: there are too many. */
  add(name: string): boolean;
  /** False: nobody of that name was ignored. */
  remove(name: string): boolean;
}

/** A session as its user sees it. */
export interface NativeSession extends DrivenSession {
  readonly name: string | undefined;
  readonly online: boolean;
  /** People who are not heard, for as long as this session lives. */
  readonly ignored: IgnoreList;
  /** The rooms it is in (`join` was answered), in order of entry. */
  readonly rooms: readonly string[];
  /** What a room that it is in is about, and what everybody is told on entering; empty: nothing. */
  topicOf(room: string): string;
  readonly motd: string;
  /** The current private-chat partner. */
  readonly partner: string | undefined;
  /**
   * Queues a message to a room that the session is in or has asked to join. It is sent as soon as
   * possible, and again after a lost connection. Returns its `id`. It never reaches a partner: see
   * `sayToPartner`.
   */
  say(room: string, text: string, kind?: MessageKind): number | Unsayable;
  tell(to: readonly string[], text: string, how?: HowToTell): number | Unsayable;
  /** To the private-chat partner alone; never reaches a room, even if the chat ends first. */
  sayToPartner(text: string, kind?: MessageKind): number | Unsayable;
  /**
   * Joins another room: `entered` or `join-failed` follows, unless the session is already in it.
   * Survives lost connections.
   */
  join(room: string): void;
  /** Leaves a room: `parted` follows at once, and unsent messages to it fail. */
  part(room: string): void;
  /**
   * Sends a request and returns the ref that its `response` or `error` will carry. Undefined: not
   * online, or too many open requests.
   */
  request(request: SessionRequest): number | undefined;
  /** Sends a frame, in base64, through a channel of an offer. Not online: it is lost. */
  pass(offer: string, channel: number, data: string): void;
  /** Ends an offer, made or accepted. */
  endOffer(offer: string, reason: OfferEnd): void;
  /** Longest text that the server accepts, in UTF-16 units. */
  readonly textChars: number;
  /** Number of unacknowledged messages. */
  readonly unacknowledged: number;
  /** How many more messages `say` accepts now. */
  readonly space: number;
  /**
   * To be stored with the secret for a later life of this session; undefined before the first
   * login.
   */
  readonly position: SessionPosition | undefined;
}
